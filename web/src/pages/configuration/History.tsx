import { ActionIcon, Badge, Box, Group, Menu, ScrollArea, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDots, IconGitCompare, IconHistory, IconPencil, IconRocket } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { revisionQuery } from "../../api/queries";
import type { FileDetail, Revision } from "../../api/types";
import { Empty } from "../../components/Empty";
import { useErrorText } from "../../components/ErrorNotice";
import { Surface } from "../../components/Surface";
import { Time } from "../../components/Time";
import classes from "./History.module.css";
import { liveRevision } from "./useFile";

type Props = {
  detail: FileDetail;
  canEdit: boolean;
  /** The sides of the comparison on screen. */
  compared: (string | undefined)[];
  onCompare: (left: string, right: string) => void;
  onPublish: (revision: Revision) => void;
  onLoad: (content: string) => void;
};

/** Every saved revision, newest first; a click compares it with what is live. */
export function History({ detail, canEdit, compared, onCompare, onPublish, onLoad }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const errorText = useErrorText();
  const live = liveRevision(detail);

  const load = async (revision: Revision) => {
    try {
      const full = await client.fetchQuery(revisionQuery(revision.id));
      onLoad(full.content);
      notifications.show({ message: t("history.loaded", { number: revision.number }) });
    } catch (error) {
      const text = errorText(error);
      notifications.show({ color: "red", title: text.title, message: `${text.detail} ${text.advice}` });
    }
  };

  return (
    <Surface title={t("history.title")} hint={t("history.count", { count: detail.revisions.length })}>
      {detail.revisions.length === 0 && (
        <Empty icon={IconHistory} compact title={t("history.emptyTitle")}>
          {t("history.emptyDetail")}
        </Empty>
      )}
      <ScrollArea.Autosize mah={520}>
        <Stack gap={0} component="ol" m={0} p={0} style={{ listStyle: "none" }}>
          {detail.revisions.map((revision, index) => (
            <Box
              component="li"
              key={revision.id}
              className={classes.row}
              mod={{ current: compared.includes(revision.id) }}
            >
              <button
                type="button"
                className={classes.open}
                aria-label={t("history.compareLive", { number: revision.number })}
                onClick={() => onCompare("live", revision.id)}
              />
              <Group gap={8} wrap="nowrap" align="flex-start">
                <Text fz="sm" fw={600} className="figures" miw={30}>
                  #{revision.number}
                </Text>
                <Box flex={1} miw={0}>
                  <Text fz="sm" lineClamp={2}>
                    {revision.message || t("history.noMessage")}
                  </Text>
                  <Group gap={8} mt={1}>
                    <Text fz="xs" c="dimmed">
                      {revision.author} · <Time value={revision.created_at} />
                    </Text>
                    {revision.id === live?.id && (
                      <Badge size="sm" color="teal">
                        {t("history.live")}
                      </Badge>
                    )}
                  </Group>
                </Box>
                <Menu position="bottom-end" shadow="md">
                  <Menu.Target>
                    <ActionIcon
                      size="sm"
                      className={classes.menu}
                      aria-label={t("history.actions", { number: revision.number })}
                    >
                      <IconDots size={15} />
                    </ActionIcon>
                  </Menu.Target>
                  <Menu.Dropdown>
                    <Menu.Item
                      leftSection={<IconGitCompare size={14} />}
                      onClick={() => onCompare("live", revision.id)}
                    >
                      {t("action.compareLive")}
                    </Menu.Item>
                    {detail.revisions[index + 1] && (
                      <Menu.Item
                        leftSection={<IconGitCompare size={14} />}
                        onClick={() => onCompare(detail.revisions[index + 1]!.id, revision.id)}
                      >
                        {t("history.comparePrevious")}
                      </Menu.Item>
                    )}
                    {canEdit && (
                      <>
                        <Menu.Item leftSection={<IconPencil size={14} />} onClick={() => load(revision)}>
                          {t("history.load")}
                        </Menu.Item>
                        <Menu.Item leftSection={<IconRocket size={14} />} onClick={() => onPublish(revision)}>
                          {t("history.publish")}
                        </Menu.Item>
                      </>
                    )}
                  </Menu.Dropdown>
                </Menu>
              </Group>
            </Box>
          ))}
        </Stack>
      </ScrollArea.Autosize>
    </Surface>
  );
}
