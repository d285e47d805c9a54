import { Badge, Button, Group, Menu, Select, Text, Tooltip } from "@mantine/core";
import {
  IconArrowBackUp,
  IconChevronDown,
  IconDeviceFloppy,
  IconFileText,
  IconGitCompare,
  IconRocket,
} from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Application, ConfigFile, FileDetail } from "../../api/types";
import { fileKey } from "./file";
import { liveRevision, publication } from "./useFile";

type Props = {
  application: Application;
  file: ConfigFile;
  detail: FileDetail;
  dirty: boolean;
  canEdit: boolean;
  onCompare: () => void;
  onSave: () => void;
  onPublish: () => void;
  onDiscard: () => void;
};

/** Which file, in which state, and what can be done with it. */
export function Toolbar({ application, file, detail, dirty, canEdit, ...on }: Props) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const newest = detail.revisions[0];
  const state = publication(detail);
  return (
    <Group justify="space-between" gap="xs">
      <Group gap="xs">
        {application.files.length > 1 ? (
          <Select
            aria-label={t("configuration.file")}
            leftSection={<IconFileText size={14} />}
            w={230}
            value={fileKey(file)}
            data={application.files.map((entry) => ({ value: fileKey(entry), label: entry.key }))}
            onChange={(value) => value && navigate({ to: ".", search: { tab: "configuration", file: value } })}
          />
        ) : (
          <Group gap={6}>
            <IconFileText size={15} />
            <Text fw={600} fz="sm">
              {file.key}
            </Text>
          </Group>
        )}
        <Text fz="xs" c="dimmed" visibleFrom="md">
          {t("configuration.inConfigmap", { name: file.configmap })}
        </Text>
        <Group gap={6} aria-live="polite">
          {dirty && (
            <Badge color="orange" variant="light">
              {t("file.unsaved")}
            </Badge>
          )}
          <StateTag state={state} number={newest?.number} live={liveRevision(detail)?.number} />
        </Group>
      </Group>
      <Group gap={6}>
        {dirty && (
          <Menu position="bottom-end" shadow="md" withArrow>
            <Menu.Target>
              <Button
                variant="subtle"
                color="gray"
                leftSection={<IconArrowBackUp size={14} />}
                rightSection={<IconChevronDown size={12} />}
              >
                {t("action.discard")}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Label maw={260}>{t("draft.discardHint")}</Menu.Label>
              <Menu.Item color="red" onClick={on.onDiscard}>
                {t("draft.discard")}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
        <Button variant="default" leftSection={<IconGitCompare size={14} />} onClick={on.onCompare}>
          {t("action.compareLive")}
        </Button>
        {canEdit && (
          <>
            <Tooltip label={dirty ? "Ctrl/⌘ + S" : t("save.nothing")}>
              <Button
                variant={dirty ? "filled" : "default"}
                data-disabled={!dirty || undefined}
                aria-disabled={!dirty}
                leftSection={<IconDeviceFloppy size={14} />}
                onClick={on.onSave}
              >
                {t("action.save")}
              </Button>
            </Tooltip>
            <Tooltip label={newest ? (dirty ? t("publish.savedOnly") : t("publish.hint")) : t("publish.nothing")}>
              <Button
                variant={!dirty && state !== "published" ? "filled" : "default"}
                data-disabled={!newest || undefined}
                aria-disabled={!newest}
                leftSection={<IconRocket size={14} />}
                onClick={on.onPublish}
              >
                {t("action.publish")}
              </Button>
            </Tooltip>
          </>
        )}
      </Group>
    </Group>
  );
}

type TagProps = { state: ReturnType<typeof publication>; number: number | undefined; live: number | undefined };

function StateTag({ state, number, live }: TagProps) {
  const { t } = useTranslation();
  if (state === "published") {
    return <Badge color="teal">{number ? t("file.publishedRevision", { number }) : t("file.published")}</Badge>;
  }
  if (state === "foreign") return <Badge color="grape">{t("file.foreign")}</Badge>;
  if (state === "absent") return <Badge color="gray">{t("file.absent")}</Badge>;
  return (
    <Badge color="blue">{live ? t("file.savedOver", { number, live }) : t("file.savedRevision", { number })}</Badge>
  );
}
