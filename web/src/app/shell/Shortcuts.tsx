import { Group, Kbd, Stack, Text, Title } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "../../components/Dialog";

const OPEN = "inkstone:shortcuts";

/** Opens the list of shortcuts from anywhere. */
export function showShortcuts(): void {
  window.dispatchEvent(new Event(OPEN));
}

const GROUPS = [
  {
    name: "general",
    keys: [
      ["help", "?"],
      ["search", "/"],
      ["palette", "Ctrl K"],
      ["close", "Esc"],
    ],
  },
  {
    name: "go",
    keys: [
      ["applications", "G A"],
      ["versions", "G V"],
      ["audit", "G L"],
    ],
  },
  {
    name: "editor",
    keys: [
      ["save", "Ctrl S"],
      ["find", "Ctrl F"],
      ["problem", "F8"],
      ["leave", "Esc Tab"],
    ],
  },
] as const;

const PLACES: Record<string, string> = { a: "/applications", v: "/versions", l: "/audit" };

/** The keys that work everywhere, and the list that `?` shows. */
export function Shortcuts() {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const navigate = useNavigate();

  useEffect(() => {
    let started = Number.NEGATIVE_INFINITY;
    const open = () => setOpened(true);
    const press = (event: KeyboardEvent) => {
      const typing = (event.target as HTMLElement).closest("input, textarea, select, [contenteditable=true]");
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const to = PLACES[event.key];
      if (event.key === "?") open();
      else if (event.key === "g") started = event.timeStamp;
      else if (to && event.timeStamp - started < 1200) navigate({ to });
    };
    window.addEventListener(OPEN, open);
    window.addEventListener("keydown", press);
    return () => {
      window.removeEventListener(OPEN, open);
      window.removeEventListener("keydown", press);
    };
  }, [navigate]);

  return (
    <Dialog opened={opened} onClose={() => setOpened(false)} title={t("shortcuts.title")} size="md">
      <Stack gap="lg">
        {GROUPS.map((group) => (
          <Stack key={group.name} gap={6}>
            <Title order={3}>{t(`shortcuts.group.${group.name}`)}</Title>
            {group.keys.map(([name, keys]) => (
              <Group key={name} justify="space-between" wrap="nowrap">
                <Text fz="sm">{t(`shortcuts.key.${name}`)}</Text>
                <Group gap={4} wrap="nowrap">
                  {keys.split(" ").map((key) => (
                    <Kbd key={key} size="xs">
                      {key}
                    </Kbd>
                  ))}
                </Group>
              </Group>
            ))}
          </Stack>
        ))}
        <Text fz="xs" c="dimmed">
          {t("shortcuts.mac")}
        </Text>
      </Stack>
    </Dialog>
  );
}
