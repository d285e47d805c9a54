import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconRefresh } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { ApiError } from "../api/client";

/** What failed, why, and what to do, in the reader's words. */
export function useErrorText(): (error: unknown) => { title: string; detail: string; advice: string } {
  const { t, i18n } = useTranslation();
  return (error) => {
    if (!(error instanceof ApiError)) {
      return { title: t("error.unexpected"), detail: String(error), advice: t("advice.reload") };
    }
    if (error.status === 0) {
      return { title: t("error.unreachable"), detail: t("error.unreachableDetail"), advice: t("advice.unreachable") };
    }
    const byCode = `advice.${error.code}`;
    const byStatus = `advice.http${error.status}`;
    const advice = i18n.exists(byCode) ? byCode : i18n.exists(byStatus) ? byStatus : "advice.retry";
    return {
      title: error.title || t("error.status", { status: error.status }),
      detail: error.detail,
      advice: t(advice as "advice.retry"),
    };
  };
}

type Props = { error: unknown; retry?: () => void; title?: string };

export function ErrorNotice({ error, retry, title }: Props) {
  const { t } = useTranslation();
  const text = useErrorText()(error);
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle size={18} />} title={title ?? text.title} role="alert">
      <Stack gap={6}>
        {title && title !== text.title && <Text size="sm">{text.title}</Text>}
        {text.detail && (
          <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
            {text.detail}
          </Text>
        )}
        <Text size="sm" c="dimmed">
          {text.advice}
        </Text>
        {retry && (
          <Group>
            <Button variant="default" leftSection={<IconRefresh size={14} />} onClick={retry}>
              {t("action.retry")}
            </Button>
          </Group>
        )}
      </Stack>
    </Alert>
  );
}
