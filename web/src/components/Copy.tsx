import { ActionIcon, Code, CopyButton, Group, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

type Props = { value: string; shown?: string; label?: string };

/** A value in monospace with a button that copies it whole, even when it is shown short. */
export function Copy({ value, shown, label }: Props) {
  const { t } = useTranslation();
  return (
    <Group gap={2} wrap="nowrap" display="inline-flex">
      <Code fz="xs" bg="transparent" px={0}>
        {shown ?? value}
      </Code>
      <CopyButton value={value} timeout={1500}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? t("copy.done") : (label ?? t("copy.value", { value }))} multiline maw={360}>
            <ActionIcon
              size="xs"
              color={copied ? "teal" : "gray"}
              aria-label={label ?? t("copy.value", { value })}
              onClick={(event) => {
                event.stopPropagation();
                copy();
              }}
            >
              {copied ? <IconCheck size={12} /> : <IconCopy size={12} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  );
}
