import { Avatar, Badge, Button, Group, Skeleton, Stack, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconUserPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { usersQuery, useSession } from "../../api/queries";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Page } from "../../components/Page";
import { Surface } from "../../components/Surface";
import { Time } from "../../components/Time";
import { AddUserDialog } from "./AddUserDialog";

const COLORS = { admin: "seal", editor: "ink", viewer: "gray" } as const;

/** The accounts of this console, for administrators. */
export function UsersPage() {
  const { t } = useTranslation();
  const me = useSession()?.user?.name;
  const users = useQuery(usersQuery);
  const [opened, dialog] = useDisclosure(false);
  return (
    <Page
      title={t("nav.users")}
      lead={t("users.lead")}
      aside={
        <Button leftSection={<IconUserPlus size={14} />} onClick={dialog.open}>
          {t("users.add")}
        </Button>
      }
    >
      <Stack gap="sm">
        {users.error && <ErrorNotice error={users.error} retry={() => users.refetch()} />}
        {users.isPending && <Skeleton h={180} radius="md" />}
        {users.data && (
          <Surface>
            <Table.ScrollContainer minWidth={520}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t("column.name")}</Table.Th>
                    <Table.Th>{t("column.role")}</Table.Th>
                    <Table.Th>{t("column.created")}</Table.Th>
                    <Table.Th>{t("column.lastLogin")}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {users.data.map((user) => (
                    <Table.Tr key={user.name}>
                      <Table.Td>
                        <Group gap={8} wrap="nowrap">
                          <Avatar size={24} radius="xl" color={COLORS[user.role]} fz="xs">
                            {[...user.name][0]?.toUpperCase()}
                          </Avatar>
                          <Text fz="sm" fw={550}>
                            {user.name}
                          </Text>
                          {user.name === me && (
                            <Text fz="xs" c="dimmed">
                              {t("users.you")}
                            </Text>
                          )}
                        </Group>
                      </Table.Td>
                      <Table.Td>
                        <Badge color={COLORS[user.role]}>{t(`role.${user.role}`)}</Badge>
                      </Table.Td>
                      <Table.Td>
                        <Time value={user.created_at} />
                      </Table.Td>
                      <Table.Td>
                        {user.last_login_at ? (
                          <Time value={user.last_login_at} />
                        ) : (
                          <Text fz="sm" c="dimmed">
                            {t("users.never")}
                          </Text>
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          </Surface>
        )}
      </Stack>
      <AddUserDialog opened={opened} onClose={dialog.close} />
    </Page>
  );
}
