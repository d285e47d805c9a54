import { Box, Center, Group, Menu, Paper, Stack, Text, Title, UnstyledButton } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconSettings } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Preferences } from "../../app/shell/AccountMenu";
import { Brand } from "../../app/shell/Brand";

/** The frame of the pages before signing in. */
export function Entry({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  const { t } = useTranslation();
  useDocumentTitle(`${title} · Inkstone`);
  return (
    <Center mih="100dvh" p="md" component="main">
      <Stack w="100%" maw={400} gap="lg">
        <Group justify="space-between">
          <Brand size={28} />
          <Menu position="bottom-end" width={248} shadow="md">
            <Menu.Target>
              <UnstyledButton aria-label={t("account.preferences")} c="dimmed">
                <IconSettings size={18} />
              </UnstyledButton>
            </Menu.Target>
            <Menu.Dropdown>
              <Preferences />
            </Menu.Dropdown>
          </Menu>
        </Group>
        <Paper withBorder p={{ base: "md", sm: "xl" }} shadow="sm">
          <Stack gap="md">
            <Box>
              <Title order={1}>{title}</Title>
              {lead && (
                <Text size="sm" c="dimmed" mt={4}>
                  {lead}
                </Text>
              )}
            </Box>
            {children}
          </Stack>
        </Paper>
        <Text fz="xs" c="dimmed" ta="center">
          {t("entry.tagline")}
        </Text>
      </Stack>
    </Center>
  );
}
