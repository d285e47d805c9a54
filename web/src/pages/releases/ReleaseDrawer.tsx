import { Button, Drawer, Group, Skeleton, Stack, Text } from "@mantine/core";
import { IconArrowBackUp, IconGitCompare } from "@tabler/icons-react";
import { skipToken, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { fileQuery, useCanEdit } from "../../api/queries";
import { useRelease } from "../../api/releaseEvents";
import type { Application, Id, Release } from "../../api/types";
import { ErrorNotice } from "../../components/ErrorNotice";
import { ReleaseBadge } from "../../components/StateBadge";
import { Time } from "../../components/Time";
import { chosenFile, fileKey, refOf } from "../configuration/file";
import { ReleaseProgress } from "./ReleaseProgress";
import { RollbackDialog } from "./RollbackDialog";
import { mayRollBackTo } from "./state";

/** One release, followed live: open while the address names it. */
export function ReleaseDrawer({ application, id }: { application: Application; id: Id }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ from: "/shell/applications/$namespace/$application" });
  const canEdit = useCanEdit();
  const query = useRelease(id);
  const [rolling, setRolling] = useState<Release>();
  const release = query.data;
  const wanted = release?.configmap && release.key ? `${release.configmap}/${release.key}` : search.file;
  const file = chosenFile(application, wanted);
  const ref = file && refOf(application, file);
  const options = fileQuery(ref ?? { namespace: "", application: "", configmap: "", key: "" });
  const detail = useQuery({ ...options, queryFn: ref ? options.queryFn : skipToken });
  const go = (release?: Id) =>
    navigate({ to: ".", search: { tab: search.tab, file: search.file, release }, replace: true });

  return (
    <>
      <Drawer
        opened
        onClose={() => go()}
        position="right"
        size={480}
        overlayProps={{ backgroundOpacity: 0.18 }}
        title={
          release && (
            <Group gap="xs">
              <Text fw={600}>{t("release.title", { number: release.number })}</Text>
              <ReleaseBadge state={release.state} />
            </Group>
          )
        }
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        {query.error && !release && <ErrorNotice error={query.error} retry={() => query.refetch()} />}
        {query.isPending && <Skeleton h={240} />}
        {release && file && (
          <Stack gap="md">
            <Text fz="sm" c="dimmed">
              {file.key} · {t("compare.revision", { number: release.revision_number })} · {release.author} ·{" "}
              <Time value={release.created_at} />
            </Text>
            {release.message && <Text fz="sm">{release.message}</Text>}
            <ReleaseProgress release={release} />
            <Group gap="xs">
              <Button
                variant="default"
                leftSection={<IconGitCompare size={14} />}
                onClick={() =>
                  navigate({
                    to: ".",
                    search: { tab: "configuration", file: fileKey(file), left: release.revision, right: "live" },
                  })
                }
              >
                {t("action.compareLive")}
              </Button>
              {canEdit && mayRollBackTo(release, detail.data?.live) && (
                <Button
                  variant="default"
                  leftSection={<IconArrowBackUp size={14} />}
                  onClick={() => setRolling(release)}
                >
                  {t("rollback.action")}
                </Button>
              )}
            </Group>
          </Stack>
        )}
      </Drawer>
      {rolling && file && (
        <RollbackDialog
          application={application}
          file={file}
          release={rolling}
          onClose={() => setRolling(undefined)}
          onDone={(made) => {
            setRolling(undefined);
            go(made.id);
          }}
        />
      )}
    </>
  );
}
