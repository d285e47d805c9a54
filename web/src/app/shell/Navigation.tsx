import { Badge, Box, Divider, Group, Kbd, NavLink, Stack, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { spotlight } from "@mantine/spotlight";
import { IconApps, IconGitCommit, IconHistory, IconSearch, IconServer2, IconUsers } from "@tabler/icons-react";
import { Link, useLocation } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useSession } from "../../api/queries";
import { timeZone } from "../../i18n/time";
import { AccountMenu } from "./AccountMenu";
import { Brand } from "./Brand";
import classes from "./Navigation.module.css";

/** The pages that this person may open. */
export function useSections() {
  const { t } = useTranslation();
  const admin = useSession()?.user?.role === "admin";
  return [
    { to: "/applications", label: t("nav.applications"), icon: IconApps },
    { to: "/versions", label: t("nav.versions"), icon: IconGitCommit },
    ...(admin
      ? ([
          { to: "/audit", label: t("nav.audit"), icon: IconHistory },
          { to: "/users", label: t("nav.users"), icon: IconUsers },
        ] as const)
      : []),
  ] as const;
}

export function Navigation() {
  const { t, i18n } = useTranslation();
  const session = useSession();
  const sections = useSections();
  const path = useLocation({ select: (location) => location.pathname });

  return (
    <Stack h="100%" gap={0} p="xs">
      <Box px={8} pt={6} pb={14} visibleFrom="sm">
        <Brand />
      </Box>
      <UnstyledButton className={classes.search} onClick={spotlight.open}>
        <Group gap={7} wrap="nowrap">
          <IconSearch size={14} />
          <Text span fz="xs">
            {t("palette.open")}
          </Text>
        </Group>
        <Kbd size="xs" visibleFrom="sm">
          Ctrl K
        </Kbd>
      </UnstyledButton>
      <Stack component="nav" gap={2} aria-label={t("nav.main")}>
        {sections.map(({ to, label, icon: Icon }) => (
          <NavLink
            key={to}
            renderRoot={(props) => <Link to={to} {...props} />}
            label={label}
            py={6}
            leftSection={<Icon size={17} stroke={1.7} />}
            active={path.startsWith(to)}
            aria-current={path.startsWith(to) ? "page" : undefined}
          />
        ))}
      </Stack>
      <Stack mt="auto" gap={8}>
        <Stack gap={4} px={10} c="dimmed">
          <Tooltip label={t("nav.clusterHint")} position="right">
            <Group gap={6} wrap="nowrap">
              <IconServer2 size={14} />
              <Text fz="xs">{t("nav.cluster")}</Text>
              <Badge size="sm" color="ink" className="truncate">
                {session?.cluster}
              </Badge>
            </Group>
          </Tooltip>
          <Text fz="xs" className="truncate" title={timeZone(i18n.language)}>
            {timeZone(i18n.language)}
          </Text>
          <Text fz="xs">Inkstone {session?.version.inkstone}</Text>
        </Stack>
        <Divider visibleFrom="sm" />
        <Box visibleFrom="sm">
          <AccountMenu />
        </Box>
      </Stack>
    </Stack>
  );
}
