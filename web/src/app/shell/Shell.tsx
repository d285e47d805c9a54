import { AppShell, Box, Burger, Button, Center, Group, Loader } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Outlet, useLocation, useRouter } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { sessionQuery } from "../../api/queries";
import { ErrorNotice } from "../../components/ErrorNotice";
import { AccountMenu } from "./AccountMenu";
import { Brand } from "./Brand";
import { Navigation } from "./Navigation";
import { Palette } from "./Palette";
import { Shortcuts } from "./Shortcuts";

/** The frame around every page of someone who is signed in; sends everyone else to the door. */
export function Shell() {
  const session = useQuery({ ...sessionQuery, refetchInterval: 60_000 });
  const router = useRouter();
  const door = session.data?.setup ? "setup" : session.data && !session.data.user ? "login" : undefined;

  useEffect(() => {
    if (door === "setup") router.navigate({ to: "/setup", replace: true });
    if (door === "login")
      router.navigate({ to: "/login", search: { next: router.state.location.href }, replace: true });
  }, [door, router]);

  if (door) return null;
  if (session.data) return <Frame />;
  if (session.error) {
    return (
      <Center h="100vh" p="md">
        <Box maw={520}>
          <ErrorNotice error={session.error} retry={() => session.refetch()} />
        </Box>
      </Center>
    );
  }
  return (
    <Center h="100vh">
      <Loader size="sm" />
    </Center>
  );
}

function Frame() {
  const { t } = useTranslation();
  const [opened, { toggle, close }] = useDisclosure(false);
  const main = useRef<HTMLElement>(null);
  const path = useLocation({ select: (location) => location.pathname });

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the menu
  useEffect(close, [path]);

  return (
    <AppShell
      header={{ height: { base: 48, sm: 0 } }}
      navbar={{ width: 212, breakpoint: "sm", collapsed: { mobile: !opened } }}
      transitionDuration={120}
    >
      <Button className="skip-link" onClick={() => main.current?.focus()}>
        {t("nav.skip")}
      </Button>
      <AppShell.Header hiddenFrom="sm" px="sm" bg="var(--ink-surface)">
        <Group h="100%" justify="space-between">
          <Group gap="xs">
            <Burger opened={opened} onClick={toggle} size="sm" aria-label={opened ? t("nav.close") : t("nav.open")} />
            <Brand />
          </Group>
          <AccountMenu compact />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar bg="var(--ink-surface)">
        <Navigation />
      </AppShell.Navbar>
      <AppShell.Main ref={main} tabIndex={-1} style={{ outline: "none" }}>
        <Outlet />
      </AppShell.Main>
      <Palette />
      <Shortcuts />
    </AppShell>
  );
}
