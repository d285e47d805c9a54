import { Badge, Code, Grid, Group, Stack, Table, Text } from "@mantine/core";
import { IconBoxOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Application } from "../../api/types";
import { Copy } from "../../components/Copy";
import { Empty } from "../../components/Empty";
import { AnchorLink } from "../../components/links";
import { ConfigBadge } from "../../components/StateBadge";
import { Surface } from "../../components/Surface";
import { fileKey } from "../configuration/file";
import { PodTable } from "./PodTable";
import { worstState } from "./state";

export function Overview({ application }: { application: Application }) {
  const { t } = useTranslation();
  return (
    <Grid gap="sm">
      <Grid.Col span={{ base: 12, xl: 9 }}>
        <Surface title={t("overview.pods")} hint={t("overview.podsHint")}>
          {application.pods.length > 0 ? (
            <PodTable pods={application.pods} />
          ) : (
            <Empty icon={IconBoxOff} title={t("overview.noPods")}>
              {t("overview.noPodsDetail")}
            </Empty>
          )}
        </Surface>
      </Grid.Col>
      <Grid.Col span={{ base: 12, xl: 3 }}>
        <Stack gap="sm">
          <Files application={application} />
          <Facts application={application} />
        </Stack>
      </Grid.Col>
    </Grid>
  );
}

function Files({ application }: { application: Application }) {
  const { t } = useTranslation();
  return (
    <Surface title={t("overview.files")}>
      {application.files.length === 0 && (
        <Empty icon={IconBoxOff} compact title={t("configuration.noFiles")}>
          {t("configuration.noFilesDetail")}
        </Empty>
      )}
      {application.files.length > 0 && (
        <Table>
          <Table.Tbody>
            {application.files.map((file) => (
              <Table.Tr key={fileKey(file)}>
                <Table.Td>
                  <AnchorLink to="." search={{ tab: "configuration", file: fileKey(file) }} fz="sm" fw={550}>
                    {file.key}
                  </AnchorLink>
                  <Text fz="xs" c="dimmed">
                    {file.configmap}
                  </Text>
                </Table.Td>
                <Table.Td ta="right">
                  <ConfigBadge state={worstState(application, file)} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Surface>
  );
}

function Facts({ application }: { application: Application }) {
  const { t } = useTranslation();
  const builds = new Map(
    application.pods.flatMap((pod) =>
      pod.build ? [[`${pod.build.version} ${pod.build.commit}`, pod.build] as const] : [],
    ),
  );
  return (
    <Surface title={t("overview.facts")}>
      <Table layout="auto">
        <Table.Tbody>
          <Table.Tr>
            <Table.Th>{t("overview.replicas")}</Table.Th>
            <Table.Td>{application.replicas}</Table.Td>
          </Table.Tr>
          {[...builds.values()].map((build) => (
            <Table.Tr key={`${build.version} ${build.commit}`}>
              <Table.Th>{t("column.version")}</Table.Th>
              <Table.Td>
                <Group gap={6}>
                  <Code fz="xs">{build.version}</Code>
                  <Copy value={build.commit} shown={build.commit.slice(0, 8)} label={t("copy.commit")} />
                  {build.dirty && (
                    <Badge size="sm" color="orange">
                      {t("build.dirty")}
                    </Badge>
                  )}
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
          <Table.Tr>
            <Table.Th style={{ verticalAlign: "top" }}>{t("overview.labels")}</Table.Th>
            <Table.Td>
              <Stack gap={2}>
                {Object.entries(application.labels ?? {}).map(([key, value]) => (
                  <Text key={key} fz="xs" ff="monospace" style={{ overflowWrap: "anywhere" }}>
                    {key}=<wbr />
                    <b>{value}</b>
                  </Text>
                ))}
              </Stack>
            </Table.Td>
          </Table.Tr>
        </Table.Tbody>
      </Table>
    </Surface>
  );
}
