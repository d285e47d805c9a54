import { Box, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Application, ConfigFile, Problem } from "../../api/types";
import { ProblemList } from "../../components/ProblemList";
import { ConfigBadge } from "../../components/StateBadge";
import { Surface } from "../../components/Surface";
import { Time } from "../../components/Time";
import { PendingRestart } from "../application/PodTable";
import { configOf } from "./file";

type Props = { application: Application; file: ConfigFile; onGoTo: (problem: Problem) => void };

/** What each pod has loaded of this file, and what it refuses. */
export function PodsOfFile({ application, file, onGoTo }: Props) {
  const { t } = useTranslation();
  const loaded = application.pods.filter((pod) => configOf(pod, file)?.state === "loaded").length;
  return (
    <Surface title={t("overview.pods")} hint={t("pods.loadedOf", { loaded, total: application.pods.length })}>
      <Stack gap={0}>
        {application.pods.map((pod) => {
          const config = configOf(pod, file);
          return (
            <Box key={pod.name} px="sm" py={7} style={{ borderTop: "1px solid var(--mantine-color-default-border)" }}>
              <Group justify="space-between" wrap="nowrap" gap="xs">
                <Text fz="sm" className="truncate" title={pod.name}>
                  {pod.name}
                </Text>
                <Group gap={8} wrap="nowrap">
                  {config?.loaded_at && <Time value={config.loaded_at} fz="xs" c="dimmed" />}
                  <ConfigBadge state={config?.state ?? "unknown"} />
                </Group>
              </Group>
              <PendingRestart pod={pod} />
              {config?.reason && config.problems.length === 0 && (
                <Text fz="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
                  {config.reason}
                </Text>
              )}
              {config && config.problems.length > 0 && (
                <Box mt={6}>
                  <Text fz="xs" c="dimmed" mb={4}>
                    {t("pods.keepsOld")}
                  </Text>
                  <ProblemList problems={config.problems} onGoTo={onGoTo} />
                </Box>
              )}
            </Box>
          );
        })}
      </Stack>
    </Surface>
  );
}
