import { Alert, Badge, Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Application, ConfigFile } from "../../api/types";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Diff } from "../../editor/Diff";

type Props = {
  application: Application;
  file: Pick<ConfigFile, "configmap" | "key" | "content_type">;
  live: string;
  content: string;
  contentLabel: string;
  message: string;
  onMessage: (message: string) => void;
  error: unknown;
  /** What is live is no longer what is shown on the left. */
  moved: boolean;
  onLookAgain: () => void;
  submit: string;
  pending: boolean;
  onSubmit: () => void;
  onClose: () => void;
};

/** The last look before pods change: the difference to live, the reason, the pods. Publish and roll back share it. */
export function ReleaseForm({ application, file, ...form }: Props) {
  const { t } = useTranslation();
  const same = form.live === form.content;
  return (
    <Stack gap="sm">
      {Boolean(form.error) && <ErrorNotice error={form.error} title={t("publish.failed")} />}
      {form.moved && (
        <Alert color="orange" icon={<IconRefresh size={17} />} title={t("liveChanged.title")}>
          <Stack gap={8} align="flex-start">
            <Text fz="sm">{t("liveChanged.detail")}</Text>
            <Button variant="default" onClick={form.onLookAgain}>
              {t("liveChanged.action")}
            </Button>
          </Stack>
        </Alert>
      )}
      <Diff
        left={{ content: form.live, label: t("compare.live") }}
        right={{ content: form.content, label: form.contentLabel }}
        language={file.content_type || file.key}
        height="38dvh"
      />
      <Stack gap={4}>
        <Text fz="sm" fw={500}>
          {t("publish.targets", { count: application.pods.length })}
        </Text>
        <Group gap={6}>
          {application.pods.map((pod) => (
            <Badge key={pod.name} variant="dot" color={pod.ready ? "teal" : "orange"}>
              {pod.name}
            </Badge>
          ))}
          {application.pods.length === 0 && (
            <Text fz="xs" c="dimmed">
              {t("publish.noPods")}
            </Text>
          )}
        </Group>
        <Text fz="xs" c="dimmed">
          {t("publish.where", { namespace: application.namespace, configmap: file.configmap, file: file.key })}
        </Text>
      </Stack>
      <Textarea
        label={t("publish.message")}
        data-autofocus
        maxLength={500}
        value={form.message}
        onChange={(event) => form.onMessage(event.currentTarget.value)}
      />
      <Group justify="space-between" gap="xs">
        <Text fz="xs" c="dimmed" flex={1} miw={200}>
          {same ? t("publish.same") : t("publish.effect")}
        </Text>
        <Group gap="xs">
          <Button variant="default" onClick={form.onClose}>
            {t("action.cancel")}
          </Button>
          <Button disabled={form.moved} loading={form.pending} onClick={form.onSubmit}>
            {form.submit}
          </Button>
        </Group>
      </Group>
    </Stack>
  );
}
