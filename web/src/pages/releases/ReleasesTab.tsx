import { Badge, Button, Group, Skeleton, Stack, Table, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconArrowBackUp, IconRocketOff } from "@tabler/icons-react";
import { useQueries } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { fileQuery, useCanEdit } from "../../api/queries";
import type { Application, ConfigFile, Release } from "../../api/types";
import { Empty } from "../../components/Empty";
import { ErrorNotice } from "../../components/ErrorNotice";
import { ReleaseBadge } from "../../components/StateBadge";
import { Surface } from "../../components/Surface";
import { Time } from "../../components/Time";
import { fileKey, refOf } from "../configuration/file";
import { RollbackDialog } from "./RollbackDialog";
import { mayRollBackTo } from "./state";

type Entry = { file: ConfigFile; release: Release; live: boolean; mayRollBack: boolean };

/** Every release of every file of an application, newest first. */
export function ReleasesTab({ application }: { application: Application }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const canEdit = useCanEdit();
  const [rolling, setRolling] = useState<Entry>();
  const queries = useQueries({ queries: application.files.map((file) => fileQuery(refOf(application, file))) });
  const entries: Entry[] = queries
    .flatMap((query, index) => {
      const file = application.files[index]!;
      const releases = query.data?.releases ?? [];
      return releases.map((release) => ({
        file,
        release,
        live: query.data?.live?.release === release.id,
        mayRollBack: mayRollBackTo(release, query.data?.live),
      }));
    })
    .sort((a, b) => b.release.created_at.localeCompare(a.release.created_at));
  const error = queries.find((query) => query.error)?.error;
  const open = ({ file, release }: Entry) =>
    navigate({ to: ".", search: { tab: "releases", file: fileKey(file), release: release.id } });

  if (queries.some((query) => query.isPending)) return <Skeleton h={260} radius="md" />;
  return (
    <>
      {error && <ErrorNotice error={error} />}
      <Surface>
        {entries.length === 0 ? (
          <Empty icon={IconRocketOff} title={t("releases.emptyTitle")}>
            {t("releases.emptyDetail")}
          </Empty>
        ) : (
          <>
            <Table.ScrollContainer minWidth={760} visibleFrom="sm">
              <Table highlightOnHover>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t("column.release")}</Table.Th>
                    <Table.Th>{t("column.state")}</Table.Th>
                    <Table.Th>{t("column.file")}</Table.Th>
                    <Table.Th>{t("column.revision")}</Table.Th>
                    <Table.Th>{t("column.message")}</Table.Th>
                    <Table.Th>{t("column.author")}</Table.Th>
                    <Table.Th>{t("column.time")}</Table.Th>
                    <Table.Th>
                      <VisuallyHidden>{t("column.actions")}</VisuallyHidden>
                    </Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {entries.map((entry) => (
                    <Row
                      key={entry.release.id}
                      entry={entry}
                      onOpen={() => open(entry)}
                      onRollback={canEdit && entry.mayRollBack ? () => setRolling(entry) : undefined}
                    />
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            <Stack gap={0} hiddenFrom="sm">
              {entries.map((entry) => (
                <Card key={entry.release.id} entry={entry} onOpen={() => open(entry)} />
              ))}
            </Stack>
          </>
        )}
      </Surface>
      {rolling && (
        <RollbackDialog
          application={application}
          file={rolling.file}
          release={rolling.release}
          onClose={() => setRolling(undefined)}
          onDone={(release) => {
            setRolling(undefined);
            open({ ...rolling, release });
          }}
        />
      )}
    </>
  );
}

function Name({ release, live }: { release: Release; live: boolean }) {
  const { t } = useTranslation();
  return (
    <Group gap={6} wrap="nowrap">
      <Text fz="sm" fw={600}>
        #{release.number}
      </Text>
      {live && (
        <Badge size="sm" color="teal">
          {t("history.live")}
        </Badge>
      )}
      {release.kind === "rollback" && (
        <Badge size="sm" color="grape">
          {t("release.rollback")}
        </Badge>
      )}
    </Group>
  );
}

/** The same on a narrow screen; rolling back is offered where the release opens. */
function Card({ entry, onOpen }: { entry: Entry; onOpen: () => void }) {
  const { file, release, live } = entry;
  return (
    <UnstyledButton
      px="sm"
      py={9}
      onClick={onOpen}
      style={{ borderTop: "1px solid var(--mantine-color-default-border)" }}
    >
      <Group justify="space-between" wrap="nowrap">
        <Name release={release} live={live} />
        <ReleaseBadge state={release.state} />
      </Group>
      <Text fz="sm" lineClamp={2} mt={4}>
        {release.message}
      </Text>
      <Text fz="xs" c="dimmed">
        {file.key} · {release.author} · <Time value={release.created_at} />
      </Text>
    </UnstyledButton>
  );
}

function Row({ entry, onOpen, onRollback }: { entry: Entry; onOpen: () => void; onRollback?: () => void }) {
  const { t } = useTranslation();
  const { file, release, live } = entry;
  return (
    <Table.Tr
      className="row-link"
      tabIndex={0}
      aria-label={t("release.title", { number: release.number })}
      onClick={onOpen}
      onKeyDown={(event) => event.key === "Enter" && event.target === event.currentTarget && onOpen()}
    >
      <Table.Td>
        <Name release={release} live={live} />
      </Table.Td>
      <Table.Td>
        <ReleaseBadge state={release.state} />
      </Table.Td>
      <Table.Td>{file.key}</Table.Td>
      <Table.Td>#{release.revision_number}</Table.Td>
      <Table.Td maw={320}>
        <Text fz="sm" lineClamp={1} title={release.message}>
          {release.message}
        </Text>
      </Table.Td>
      <Table.Td>{release.author}</Table.Td>
      <Table.Td>
        <Time value={release.created_at} />
      </Table.Td>
      <Table.Td ta="right">
        {onRollback && (
          <Button
            size="compact-xs"
            variant="subtle"
            leftSection={<IconArrowBackUp size={13} />}
            onClick={(event) => {
              event.stopPropagation();
              onRollback();
            }}
          >
            {t("rollback.action")}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
