import { Alert, Button, CopyButton, Group, Stack, Text } from "@mantine/core";
import { IconGitMerge } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Revision } from "../../api/types";

type Props = { newest: Revision; mine: string; onKeepMine: () => void; onTakeTheirs: () => void };

/** Someone saved first: the person decides, knowing what differs, and loses nothing either way. */
export function StaleChoice({ newest, mine, onKeepMine, onTakeTheirs }: Props) {
  const { t } = useTranslation();
  return (
    <Alert color="orange" icon={<IconGitMerge size={18} />} title={t("stale.title", { number: newest.number })}>
      <Stack gap={8}>
        <Text fz="sm">
          {t("stale.detail", { number: newest.number, author: newest.author, message: newest.message })}
        </Text>
        <Group gap={6}>
          <Button variant="default" onClick={onKeepMine}>
            {t("stale.keepMine", { number: newest.number })}
          </Button>
          <Button variant="default" onClick={onTakeTheirs}>
            {t("stale.takeTheirs")}
          </Button>
          <CopyButton value={mine}>
            {({ copied, copy }) => (
              <Button variant="subtle" onClick={copy}>
                {copied ? t("copy.done") : t("stale.copyMine")}
              </Button>
            )}
          </CopyButton>
        </Group>
      </Stack>
    </Alert>
  );
}
