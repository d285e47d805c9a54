import { Alert, Box, Group, Loader, Stack, Text, Timeline } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCheck,
  IconDatabase,
  IconMinus,
  IconServer2,
  IconWritingSign,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Release, ReleasePod } from "../../api/types";
import { ProblemList } from "../../components/ProblemList";
import { ConfigBadge } from "../../components/StateBadge";
import { Time } from "../../components/Time";

/** "+412 ms" after the release began. */
function since(release: Release, at: string | null): string | null {
  if (!at) return null;
  const ms = Math.max(0, new Date(at).getTime() - new Date(release.created_at).getTime());
  return ms < 1_000 ? `+${Math.round(ms)} ms` : `+${(ms / 1000).toFixed(2)} s`;
}

/** How far a release has come: stored, written to the cluster, loaded by each pod. */
export function ReleaseProgress({ release }: { release: Release }) {
  const { t } = useTranslation();
  const loaded = release.pods.filter((pod) => pod.state === "loaded").length;
  const written = release.written_at !== null || release.state === "complete";
  const complete = release.state === "complete";
  const broken = release.state === "refused" || release.state === "failed" || release.state === "interrupted";
  const ended = complete || broken;

  return (
    <Stack gap="sm" aria-live="polite">
      <Timeline active={ended ? 2 : written ? 1 : 0} bulletSize={24} lineWidth={2} color={complete ? "teal" : "ink"}>
        <Timeline.Item bullet={<IconDatabase size={13} />} title={<Step text={t("release.stored")} />}>
          <Text fz="xs" c="dimmed">
            <Time value={release.created_at} both />
          </Text>
        </Timeline.Item>
        <Timeline.Item
          bullet={
            written ? (
              <IconWritingSign size={13} />
            ) : release.state === "publishing" ? (
              <Loader size={12} />
            ) : (
              <IconMinus size={13} />
            )
          }
          title={<Step text={t("release.written")} aside={since(release, release.written_at)} />}
        >
          <Text fz="xs" c="dimmed">
            {written ? t("release.writtenDetail") : t("release.notWritten")}
          </Text>
        </Timeline.Item>
        <Timeline.Item
          color={broken ? "red" : undefined}
          bullet={
            complete ? (
              <IconCheck size={13} />
            ) : broken ? (
              <IconAlertTriangle size={13} />
            ) : written && release.state === "written" ? (
              <Loader size={12} />
            ) : (
              <IconServer2 size={13} />
            )
          }
          title={
            <Step
              text={t("release.loadedOf", { loaded, total: release.pods.length })}
              aside={since(release, release.completed_at)}
            />
          }
        >
          <Stack gap={8} mt={8}>
            {release.pods.map((pod) => (
              <PodStep key={pod.name} pod={pod} release={release} />
            ))}
          </Stack>
        </Timeline.Item>
      </Timeline>
      <Outcome release={release} />
    </Stack>
  );
}

function Step({ text, aside }: { text: string; aside?: string | null }) {
  return (
    <Group justify="space-between" wrap="nowrap">
      <Text fz="sm" fw={550}>
        {text}
      </Text>
      {aside && (
        <Text fz="xs" c="dimmed" className="figures">
          {aside}
        </Text>
      )}
    </Group>
  );
}

function PodStep({ pod, release }: { pod: ReleasePod; release: Release }) {
  return (
    <Box>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text fz="sm" className="truncate" title={pod.name}>
          {pod.name}
        </Text>
        <Group gap={8} wrap="nowrap">
          {pod.state === "loaded" && (
            <Text fz="xs" c="dimmed" className="figures">
              {since(release, pod.loaded_at)}
            </Text>
          )}
          <ConfigBadge state={pod.state} />
        </Group>
      </Group>
      {pod.reason && pod.problems.length === 0 && (
        <Text fz="xs" c="dimmed">
          {pod.reason}
        </Text>
      )}
      {pod.problems.length > 0 && (
        <Box mt={4}>
          <ProblemList problems={pod.problems} />
        </Box>
      )}
    </Box>
  );
}

/** What the end of a release means for what runs now. */
function Outcome({ release }: { release: Release }) {
  const { t } = useTranslation();
  if (release.state === "publishing" || release.state === "written") return null;
  const color = { complete: "teal", superseded: "gray", refused: "red", failed: "red", interrupted: "orange" }[
    release.state
  ];
  return (
    <Alert color={color} py={8}>
      <Text fz="sm">{t(`release.outcome.${release.state}`)}</Text>
      {release.error && (
        <Text fz="sm" c="dimmed" mt={4} style={{ overflowWrap: "anywhere" }}>
          {release.error}
        </Text>
      )}
    </Alert>
  );
}
