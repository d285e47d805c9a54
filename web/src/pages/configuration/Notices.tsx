import { Alert, Button, Group, Text } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { FileDetail } from "../../api/types";
import type { Draft } from "./useDraft";
import { publication } from "./useFile";

type Props = {
  detail: FileDetail;
  draft: Draft | null;
  onCompare: (left: string, right: string) => void;
  onTakeLive: (content: string) => void;
};

/** What happened elsewhere while someone works here: another save, a change past the console. */
export function Notices({ detail, draft, onCompare, onTakeLive }: Props) {
  const { t } = useTranslation();
  const newest = detail.revisions[0];
  const moved = draft && newest && draft.base !== newest.id;
  const foreign = publication(detail) === "foreign";
  return (
    <>
      {moved && (
        <Notice
          color="orange"
          text={t("notice.moved", { number: newest.number, author: newest.author })}
          action={<Compare onClick={() => onCompare(newest.id, "draft")} />}
        />
      )}
      {foreign && (
        <Notice
          color="grape"
          text={t("notice.foreign")}
          action={
            <>
              <Compare onClick={() => onCompare(newest?.id ?? "draft", "live")} />
              <Button variant="default" onClick={() => onTakeLive(detail.live?.content ?? "")}>
                {t("notice.takeLive")}
              </Button>
            </>
          }
        />
      )}
    </>
  );
}

function Compare({ onClick }: { onClick: () => void }) {
  const { t } = useTranslation();
  return (
    <Button variant="default" onClick={onClick}>
      {t("action.compare")}
    </Button>
  );
}

function Notice({ color, text, action }: { color: string; text: string; action: ReactNode }) {
  return (
    <Alert color={color} variant="light" icon={<IconInfoCircle size={17} />} py={6} role="status">
      <Group justify="space-between" gap="xs">
        <Text fz="sm" flex={1} miw={220}>
          {text}
        </Text>
        <Group gap={6}>{action}</Group>
      </Group>
    </Alert>
  );
}
