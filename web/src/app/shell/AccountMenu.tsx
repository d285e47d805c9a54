import {
  ActionIcon,
  Avatar,
  Box,
  Menu,
  SegmentedControl,
  Text,
  UnstyledButton,
  useMantineColorScheme,
  VisuallyHidden,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconKeyboard, IconLanguage, IconLock, IconLogout, IconSelector, IconSunMoon } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { post } from "../../api/client";
import { isSignedOut, sessionQuery, useSession } from "../../api/queries";
import { type Language, languages, speak } from "../../i18n";
import { forgetDrafts } from "../../pages/configuration/useDraft";
import classes from "./Navigation.module.css";
import { PasswordDialog } from "./PasswordDialog";
import { showShortcuts } from "./Shortcuts";

/** Who is signed in, and what they set for themselves: language, colours, password. */
export function AccountMenu({ compact = false }: { compact?: boolean }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const user = useSession()?.user;
  const [passwordOpen, password] = useDisclosure(false);
  const logout = useMutation({
    mutationFn: () => post("logout"),
    onSettled: async (_, error) => {
      // Without an answer the session goes on, and so do its drafts.
      if (!error || isSignedOut(error)) forgetDrafts();
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey });
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
    },
  });
  if (!user) return null;

  const avatar = (
    <Avatar aria-hidden size={26} radius="xl" color="ink" variant="filled" fz="xs">
      {[...user.name][0]?.toUpperCase()}
    </Avatar>
  );
  return (
    <>
      <Menu position={compact ? "bottom-end" : "top-start"} width={248} shadow="md">
        <Menu.Target>
          {compact ? (
            <ActionIcon size="lg" aria-label={t("account.menu")}>
              {avatar}
            </ActionIcon>
          ) : (
            <UnstyledButton className={classes.account}>
              <VisuallyHidden>{t("account.menu")}</VisuallyHidden>
              {avatar}
              <Box flex={1} miw={0}>
                <Text fz="sm" fw={550} lh={1.25} className="truncate">
                  {user.name}
                </Text>
                <Text fz="xs" c="dimmed" lh={1.25}>
                  {t(`role.${user.role}`)}
                </Text>
              </Box>
              <IconSelector size={14} />
            </UnstyledButton>
          )}
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t("account.signedInAs", { name: user.name, role: t(`role.${user.role}`) })}</Menu.Label>
          <Preferences />
          <Menu.Divider />
          <Menu.Item
            leftSection={<IconKeyboard size={15} />}
            onClick={showShortcuts}
            rightSection={<Text fz="xs">?</Text>}
          >
            {t("shortcuts.title")}
          </Menu.Item>
          <Menu.Item leftSection={<IconLock size={15} />} onClick={password.open}>
            {t("account.changePassword")}
          </Menu.Item>
          <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => logout.mutate()}>
            {t("account.logout")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <PasswordDialog opened={passwordOpen} onClose={password.close} />
    </>
  );
}

/** Language and colours; they belong to the device, so they need no account. */
export function Preferences() {
  const { t, i18n } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Box px="sm" py={4}>
      <Text fz="xs" c="dimmed" mb={4}>
        <IconLanguage size={13} style={{ verticalAlign: -2 }} /> {t("account.language")}
      </Text>
      <SegmentedControl
        fullWidth
        aria-label={t("account.language")}
        value={i18n.language}
        onChange={(value) => speak(value as Language)}
        data={languages.map(({ code, label }) => ({ value: code, label }))}
      />
      <Text fz="xs" c="dimmed" mt={10} mb={4}>
        <IconSunMoon size={13} style={{ verticalAlign: -2 }} /> {t("account.colors")}
      </Text>
      <SegmentedControl
        fullWidth
        aria-label={t("account.colors")}
        value={colorScheme}
        onChange={(value) => setColorScheme(value as typeof colorScheme)}
        data={(["auto", "light", "dark"] as const).map((value) => ({ value, label: t(`account.scheme.${value}`) }))}
      />
    </Box>
  );
}
