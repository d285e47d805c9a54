import { Group, Paper, type PaperProps, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

type Props = PaperProps & { title?: ReactNode; hint?: ReactNode; aside?: ReactNode; children: ReactNode };

/** A bordered sheet on the page's canvas, with an optional heading row. */
export function Surface({ title, hint, aside, children, ...paper }: Props) {
  return (
    <Paper withBorder bg="var(--ink-surface)" style={{ overflow: "hidden" }} component="section" {...paper}>
      {(title || aside) && (
        <Group justify="space-between" px="sm" py={8} gap="xs" mih={42}>
          <Group gap={8} align="baseline">
            <Title order={2} fz="sm">
              {title}
            </Title>
            {hint && (
              <Text fz="xs" c="dimmed">
                {hint}
              </Text>
            )}
          </Group>
          {aside}
        </Group>
      )}
      {children}
    </Paper>
  );
}
