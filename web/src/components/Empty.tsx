import { Center, Stack, Text, ThemeIcon } from "@mantine/core";
import type { Icon } from "@tabler/icons-react";
import type { ReactNode } from "react";

type Props = { icon: Icon; title: string; children?: ReactNode; compact?: boolean };

/** What a place is for, when nothing is there yet. */
export function Empty({ icon: Icon, title, children, compact = false }: Props) {
  return (
    <Center py={compact ? "md" : 56} px="md">
      <Stack align="center" gap={8} maw={460}>
        {!compact && (
          <ThemeIcon variant="light" color="gray" size={44} radius="xl">
            <Icon size={22} stroke={1.6} />
          </ThemeIcon>
        )}
        <Text fw={600} ta="center">
          {title}
        </Text>
        {typeof children === "string" ? (
          <Text size="sm" c="dimmed" ta="center">
            {children}
          </Text>
        ) : (
          children
        )}
      </Stack>
    </Center>
  );
}
