import { Badge, Box, Code, Group, Stack, Text } from "@mantine/core";
import { Fragment } from "react";
import type { VersionRow } from "../../api/types";
import { Time } from "../../components/Time";
import { Commit, GroupName, type Props } from "./VersionTable";

/** The same as the table, for narrow screens. */
export function VersionCards({ groups, grouping }: Props) {
  return (
    <Stack gap={0} hiddenFrom="sm">
      {groups.map((group) => (
        <Fragment key={group.name}>
          <Box px="sm" py={8} bg="var(--ink-inset)">
            <GroupName group={group} grouping={grouping} />
          </Box>
          {group.rows.map((row) => (
            <Card key={`${row.namespace}/${row.application}/${row.pod}`} row={row} />
          ))}
        </Fragment>
      ))}
    </Stack>
  );
}

function Card({ row }: { row: VersionRow }) {
  const { build } = row;
  return (
    <Box px="sm" py={9} style={{ borderTop: "1px solid var(--mantine-color-default-border)" }}>
      <Badge variant="dot" color={row.ready ? "teal" : "orange"}>
        {row.pod || row.application}
      </Badge>
      {build ? (
        <Stack gap={3} mt={6}>
          <Group gap={8}>
            <Code fz="xs">{build.version}</Code>
            <Commit build={build} />
          </Group>
          <Text fz="xs" c="dimmed">
            Inkstone {build.inkstone} · {build.rustc} · {build.profile}
          </Text>
          <Text fz="xs" c="dimmed">
            {build.user}@{build.host} · <Time value={build.time} />
          </Text>
        </Stack>
      ) : (
        <Text fz="xs" c="dimmed" mt={6} style={{ overflowWrap: "anywhere" }}>
          {row.error}
        </Text>
      )}
    </Box>
  );
}
