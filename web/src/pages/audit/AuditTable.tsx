import {
  ActionIcon,
  Badge,
  Box,
  Code,
  Grid,
  Group,
  Stack,
  Table,
  Text,
  UnstyledButton,
  VisuallyHidden,
} from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { AuditRow } from "../../api/types";
import { Time } from "../../components/Time";

const COLORS = { ok: "teal", denied: "orange", failed: "red" } as const;

function written(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

export function AuditTable({ rows }: { rows: AuditRow[] }) {
  const { t } = useTranslation();
  return (
    <>
      <Table.ScrollContainer minWidth={820} visibleFrom="sm">
        <Table highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={36}>
                <VisuallyHidden>{t("audit.detail")}</VisuallyHidden>
              </Table.Th>
              <Table.Th>{t("column.time")}</Table.Th>
              <Table.Th>{t("column.actor")}</Table.Th>
              <Table.Th>{t("column.action")}</Table.Th>
              <Table.Th>{t("column.object")}</Table.Th>
              <Table.Th>{t("column.result")}</Table.Th>
              <Table.Th>{t("column.from")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Row key={row.id} row={row} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Stack gap={0} hiddenFrom="sm">
        {rows.map((row) => (
          <Card key={row.id} row={row} />
        ))}
      </Stack>
    </>
  );
}

function Row({ row }: { row: AuditRow }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const hasDetail = row.before != null || row.after != null;
  return (
    <>
      <Table.Tr>
        <Table.Td pr={0}>
          {hasDetail && (
            <ActionIcon
              size="sm"
              aria-label={t("audit.detail")}
              aria-expanded={open}
              onClick={() => setOpen((shown) => !shown)}
            >
              {open ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
            </ActionIcon>
          )}
        </Table.Td>
        <Table.Td>
          <Time value={row.at} both fz="xs" />
        </Table.Td>
        <Table.Td fw={550}>{row.actor || "—"}</Table.Td>
        <Table.Td>
          <Code fz="xs">{row.action}</Code>
        </Table.Td>
        <Table.Td maw={380}>
          <Text fz="sm" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
            {row.object}
          </Text>
        </Table.Td>
        <Table.Td>
          <Result row={row} />
        </Table.Td>
        <Table.Td ff="monospace" fz="xs">
          {row.address}
        </Table.Td>
      </Table.Tr>
      {open && (
        <Table.Tr>
          <Table.Td />
          <Table.Td colSpan={6} pb="sm">
            <Detail row={row} />
          </Table.Td>
        </Table.Tr>
      )}
    </>
  );
}

/** The same on a narrow screen. */
function Card({ row }: { row: AuditRow }) {
  const [open, setOpen] = useState(false);
  const hasDetail = row.before != null || row.after != null;
  return (
    <Box style={{ borderTop: "1px solid var(--mantine-color-default-border)" }}>
      <UnstyledButton
        w="100%"
        px="sm"
        py={9}
        aria-expanded={hasDetail ? open : undefined}
        onClick={() => setOpen((shown) => hasDetail && !shown)}
      >
        <Group justify="space-between" wrap="nowrap">
          <Code fz="xs">{row.action}</Code>
          <Result row={row} />
        </Group>
        <Text fz="sm" mt={4} style={{ overflowWrap: "anywhere" }}>
          {row.object}
        </Text>
        <Text fz="xs" c="dimmed">
          {row.actor || "—"} · {row.address} · <Time value={row.at} />
        </Text>
      </UnstyledButton>
      {open && (
        <Box px="sm" pb="sm">
          <Detail row={row} />
        </Box>
      )}
    </Box>
  );
}

function Result({ row }: { row: AuditRow }) {
  const { t } = useTranslation();
  return <Badge color={COLORS[row.result] ?? "gray"}>{t(`audit.result.${row.result}`)}</Badge>;
}

function Detail({ row }: { row: AuditRow }) {
  const { t } = useTranslation();
  return (
    <Grid gap="sm">
      <Side title={t("audit.before")} value={row.before} />
      <Side title={t("audit.after")} value={row.after} />
    </Grid>
  );
}

function Side({ title, value }: { title: string; value: unknown }) {
  return (
    <Grid.Col span={{ base: 12, sm: 6 }}>
      <Text fz="xs" c="dimmed" mb={4}>
        {title}
      </Text>
      <Box mah={260} style={{ overflow: "auto" }}>
        <Code block fz="xs" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
          {value == null ? "—" : written(value)}
        </Code>
      </Box>
    </Grid.Col>
  );
}
