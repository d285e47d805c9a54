import { Badge, Box, Code, Group, Stack, Table, Text, Tooltip } from "@mantine/core";
import { IconPlugConnectedX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Pod } from "../../api/types";
import { Copy } from "../../components/Copy";
import { ProblemList } from "../../components/ProblemList";
import { ConfigBadge } from "../../components/StateBadge";
import { Time } from "../../components/Time";

/** Ready, not ready or leaving, as a word with a colour. */
export function PodPhase({ pod }: { pod: Pod }) {
  const { t } = useTranslation();
  const [color, label] = pod.terminating
    ? ["gray", t("pod.terminating")]
    : pod.ready
      ? ["teal", t("pod.ready")]
      : [pod.phase === "Running" ? "orange" : "red", pod.phase === "Running" ? t("pod.notReady") : pod.phase];
  return (
    <Badge variant="dot" color={color} size="md">
      {label}
    </Badge>
  );
}

/** The pods of an application, with what runs in each and which configuration each has loaded. */
export function PodTable({ pods }: { pods: Pod[] }) {
  const { t } = useTranslation();
  return (
    <>
      <Table.ScrollContainer minWidth={820} visibleFrom="sm">
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("column.pod")}</Table.Th>
              <Table.Th>{t("column.state")}</Table.Th>
              <Table.Th>{t("column.version")}</Table.Th>
              <Table.Th>Inkstone</Table.Th>
              <Table.Th>{t("column.started")}</Table.Th>
              <Table.Th>{t("column.configuration")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {pods.map((pod) => (
              <Row key={pod.name} pod={pod} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Stack gap={0} hiddenFrom="sm">
        {pods.map((pod) => (
          <Card key={pod.name} pod={pod} />
        ))}
      </Stack>
    </>
  );
}

function Row({ pod }: { pod: Pod }) {
  const { t } = useTranslation();
  const problems = pod.config.flatMap((entry) => entry.problems);
  return (
    <>
      <Table.Tr style={problems.length > 0 ? { borderBottom: "none" } : undefined}>
        <Table.Td>
          <Text fz="sm" fw={550} style={{ whiteSpace: "nowrap" }}>
            {pod.name}
          </Text>
          <Text fz="xs" c="dimmed">
            {pod.ip ?? "—"} · {pod.node}
          </Text>
        </Table.Td>
        <Table.Td>
          <PodPhase pod={pod} />
        </Table.Td>
        <Table.Td>
          <Version pod={pod} />
        </Table.Td>
        <Table.Td>
          <Code fz="xs">{pod.build?.inkstone ?? "—"}</Code>
        </Table.Td>
        <Table.Td>
          <Time value={pod.started_at} />
          <Text fz="xs" c={pod.restarts > 0 ? "orange" : "dimmed"} style={{ whiteSpace: "nowrap" }}>
            {t("pod.restarts", { count: pod.restarts })}
          </Text>
        </Table.Td>
        <Table.Td>
          <Configs pod={pod} />
        </Table.Td>
      </Table.Tr>
      {problems.length > 0 && (
        <Table.Tr>
          <Table.Td colSpan={6} pt={0} pb="sm">
            <ProblemList problems={problems} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

function Card({ pod }: { pod: Pod }) {
  const { t } = useTranslation();
  const problems = pod.config.flatMap((entry) => entry.problems);
  return (
    <Box px="sm" py={10} style={{ borderTop: "1px solid var(--mantine-color-default-border)" }}>
      <Group justify="space-between" wrap="nowrap" mb={6}>
        <Text fw={550} fz="sm" className="truncate">
          {pod.name}
        </Text>
        <PodPhase pod={pod} />
      </Group>
      <Stack gap={4}>
        <Version pod={pod} />
        <Text fz="xs" c="dimmed">
          {pod.ip} · {pod.node} · {t("pod.restarts", { count: pod.restarts })} · <Time value={pod.started_at} />
        </Text>
        <Configs pod={pod} />
        {problems.length > 0 && <ProblemList problems={problems} />}
      </Stack>
    </Box>
  );
}

function Version({ pod }: { pod: Pod }) {
  const { t } = useTranslation();
  if (!pod.build) {
    const why = pod.governor === "none" ? t("pod.noGovernor") : pod.governor;
    return (
      <Tooltip label={why} multiline maw={340}>
        <Group gap={5} wrap="nowrap" c="dimmed" tabIndex={0} w="fit-content">
          <IconPlugConnectedX size={14} />
          <Text fz="xs">{t("pod.noReport")}</Text>
        </Group>
      </Tooltip>
    );
  }
  return (
    <Group gap={6} wrap="nowrap">
      <Code fz="xs">{pod.build.version}</Code>
      <Copy value={pod.build.commit} shown={pod.build.commit.slice(0, 8)} label={t("copy.commit")} />
      {pod.build.dirty && (
        <Badge size="sm" color="orange">
          {t("build.dirty")}
        </Badge>
      )}
    </Group>
  );
}

/** Says which changed keys wait for a restart of the pod. */
export function PendingRestart({ pod }: { pod: Pod }) {
  const { t } = useTranslation();
  const keys = pod.pending_restart ?? [];
  if (keys.length === 0) return null;
  return (
    <Tooltip label={t("pod.pendingRestartHint", { keys: keys.join(", ") })} multiline maw={360}>
      <Badge color="orange" tabIndex={0} w="fit-content">
        {t("pod.pendingRestart", { count: keys.length })}
      </Badge>
    </Tooltip>
  );
}

function Configs({ pod }: { pod: Pod }) {
  if (pod.config.length === 0) return <ConfigBadge state="none" />;
  return (
    <Stack gap={4}>
      <PendingRestart pod={pod} />
      {pod.config.map((entry) => (
        <Group key={`${entry.configmap}/${entry.key}`} gap={6} wrap="nowrap">
          <ConfigBadge state={entry.state} />
          <Text fz="xs" c="dimmed" className="truncate">
            {entry.key}
          </Text>
        </Group>
      ))}
    </Stack>
  );
}
