import { IconFileOff } from "@tabler/icons-react";
import { useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Application } from "../../api/types";
import { Empty } from "../../components/Empty";
import { Surface } from "../../components/Surface";
import { chosenFile, fileKey } from "./file";
import { Workbench } from "./Workbench";

/** The configuration of an application: one of its files at a time. */
export default function Configuration({ application }: { application: Application }) {
  const { t } = useTranslation();
  const wanted = useSearch({ strict: false, select: (search) => search.file });
  const file = chosenFile(application, wanted);
  if (!file) {
    return (
      <Surface>
        <Empty icon={IconFileOff} title={t("configuration.noFiles")}>
          {t("configuration.noFilesDetail")}
        </Empty>
      </Surface>
    );
  }
  return <Workbench key={fileKey(file)} application={application} file={file} />;
}
