import { Badge, Code, Group, Table, Text } from "@mantine/core";
import { Fragment } from "react";
import { useTranslation } from "react-i18next";
import type { BuildInfo, VersionRow } from "../../api/types";
import { Copy } from "../../components/Copy";
import { AnchorLink } from "../../components/links";
import { Time } from "../../components/Time";
import type { Grouping, VersionGroup } from "./groups";

export type Props = { groups: VersionGroup[]; grouping: Grouping };

/** One table with a heading row for each group. */
export function VersionTable({ groups, grouping }: Props) {
  const { t } = useTranslation();
  return (
    <Table.ScrollContainer minWidth={1040} visibleFrom="sm">
      <Table layout="fixed">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w="22%">{t("column.pod")}</Table.Th>
            <Table.Th w="9%">{t("column.version")}</Table.Th>
            <Table.Th w="17%">{t("column.commit")}</Table.Th>
            <Table.Th w="9%">Inkstone</Table.Th>
            <Table.Th w="15%">{t("column.builtBy")}</Table.Th>
            <Table.Th w="13%">{t("column.built")}</Table.Th>
            <Table.Th w="15%">{t("column.compiler")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {groups.map((group) => (
            <Fragment key={group.name}>
              <Table.Tr bg="var(--ink-inset)">
                <Table.Th colSpan={7} scope="rowgroup" c="var(--mantine-color-text)">
                  <GroupName group={group} grouping={grouping} />
                </Table.Th>
              </Table.Tr>
              {group.rows.map((row) => (
                <Row
                  key={`${row.namespace}/${row.application}/${row.pod}`}
                  row={row}
                  showApplication={grouping !== "application"}
                />
              ))}
            </Fragment>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Row({ row, showApplication }: { row: VersionRow; showApplication: boolean }) {
  const { t } = useTranslation();
  const { build } = row;
  return (
    <Table.Tr>
      <Table.Td>
        <Badge variant="dot" color={row.ready ? "teal" : "orange"} maw="100%">
          {row.pod || row.application}
        </Badge>
        {row.namespace && showApplication && (
          <AnchorLink
            to="/applications/$namespace/$application"
            params={{ namespace: row.namespace, application: row.application }}
            fz="xs"
            c="dimmed"
            display="block"
          >
            {row.namespace} / {row.application}
          </AnchorLink>
        )}
      </Table.Td>
      {build ? (
        <>
          <Table.Td>
            <Code fz="xs">{build.version}</Code>
          </Table.Td>
          <Table.Td>
            <Commit build={build} />
          </Table.Td>
          <Table.Td>
            <Code fz="xs">{build.inkstone}</Code>
          </Table.Td>
          <Table.Td>
            <Text fz="xs" className="truncate" title={`${build.user}@${build.host}`}>
              {build.user}@{build.host}
            </Text>
          </Table.Td>
          <Table.Td>
            <Time value={build.time} fz="xs" />
          </Table.Td>
          <Table.Td>
            <Text fz="xs" className="truncate" title={`${build.rustc} ${build.target}`}>
              {/\d+\.\d+\.\d+\S*/.exec(build.rustc)?.[0] ?? build.rustc}
            </Text>
            <Text fz="xs" c="dimmed" className="truncate">
              {build.profile} · {build.target}
            </Text>
          </Table.Td>
        </>
      ) : (
        <Table.Td colSpan={6}>
          <Text fz="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {row.error ?? t("pod.noReport")}
          </Text>
        </Table.Td>
      )}
    </Table.Tr>
  );
}

/** A group's name and how many processes it has. */
export function GroupName({ group, grouping }: { group: VersionGroup; grouping: Grouping }) {
  const { t } = useTranslation();
  return (
    <>
      <Text span fz="sm" fw={600} ff={grouping === "commit" ? "monospace" : undefined}>
        {group.name || t("versions.unknown")}
      </Text>
      <Text span fz="xs" c="dimmed" ml={8}>
        {t("versions.pods", { count: group.rows.length })}
      </Text>
    </>
  );
}

/** The commit, short and to be copied, and whether the tree was clean. */
export function Commit({ build }: { build: BuildInfo }) {
  const { t } = useTranslation();
  return (
    <Group gap={6} wrap="nowrap">
      <Copy value={build.commit} shown={build.commit.slice(0, 8) || "—"} label={t("copy.commit")} />
      <Badge size="sm" color={build.dirty ? "orange" : "gray"}>
        {build.dirty ? t("build.dirty") : t("build.clean")}
      </Badge>
    </Group>
  );
}
