import { Group, Progress, Stack, Table, Text } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { ApplicationSummary } from "../../api/types";
import { AnchorLink, PaperLink } from "../../components/links";
import { ConfigBadge } from "../../components/StateBadge";
import { Time } from "../../components/Time";

type Props = { items: ApplicationSummary[] };

/** Ready pods of all pods, as numbers and as a bar. */
export function Readiness({ ready, total }: { ready: number; total: number }) {
  const { t } = useTranslation();
  const color = total === 0 ? "gray" : ready === total ? "teal" : ready === 0 ? "red" : "orange";
  return (
    <Group gap={8} wrap="nowrap" title={t("applications.ready", { ready, total })}>
      <Progress value={total ? (ready / total) * 100 : 0} color={color} size={5} w={44} aria-hidden />
      <Text fz="sm" className="figures">
        {ready}/{total}
      </Text>
    </Group>
  );
}

function link(item: ApplicationSummary) {
  return {
    to: "/applications/$namespace/$application",
    params: { namespace: item.namespace, application: item.name },
  } as const;
}

export function ApplicationTable({ items }: Props) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <Table highlightOnHover>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("column.application")}</Table.Th>
          <Table.Th>{t("column.namespace")}</Table.Th>
          <Table.Th>{t("column.podsReady")}</Table.Th>
          <Table.Th>{t("column.version")}</Table.Th>
          <Table.Th>{t("column.configuration")}</Table.Th>
          <Table.Th>{t("column.updated")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {items.map((item) => (
          <Table.Tr key={`${item.namespace}/${item.name}`} className="row-link" onClick={() => navigate(link(item))}>
            <Table.Td>
              <AnchorLink {...link(item)} fw={600} fz="sm" onClick={(event) => event.stopPropagation()}>
                {item.name}
              </AnchorLink>
            </Table.Td>
            <Table.Td c="dimmed">{item.namespace}</Table.Td>
            <Table.Td>
              <Readiness {...item.pods} />
            </Table.Td>
            <Table.Td ff="monospace" fz="xs">
              {item.versions.join(", ") || "—"}
            </Table.Td>
            <Table.Td>
              <ConfigBadge state={item.config} />
            </Table.Td>
            <Table.Td>
              <Time value={item.updated_at} c="dimmed" />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** The same as cards, for narrow screens. */
export function ApplicationCards({ items }: Props) {
  return (
    <Stack gap="xs" hiddenFrom="sm">
      {items.map((item) => (
        <PaperLink key={`${item.namespace}/${item.name}`} {...link(item)} withBorder p="sm" c="inherit">
          <Group justify="space-between" wrap="nowrap">
            <div>
              <Text fw={600}>{item.name}</Text>
              <Text fz="xs" c="dimmed">
                {item.namespace} · {item.versions.join(", ") || "—"}
              </Text>
            </div>
            <ConfigBadge state={item.config} />
          </Group>
          <Group justify="space-between" mt={8}>
            <Readiness {...item.pods} />
            <Time value={item.updated_at} c="dimmed" fz="xs" />
          </Group>
        </PaperLink>
      ))}
    </Stack>
  );
}
