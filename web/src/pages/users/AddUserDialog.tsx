import { Button, Group, Radio, Stack, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { post } from "../../api/client";
import { usersQuery } from "../../api/queries";
import type { Role } from "../../api/types";
import { Dialog } from "../../components/Dialog";
import { ErrorNotice } from "../../components/ErrorNotice";
import { isGood, PasswordFields } from "../../components/PasswordFields";

const ROLES: Role[] = ["viewer", "editor", "admin"];

export function AddUserDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog opened={opened} onClose={onClose} title={t("users.add")} size="sm">
      <AddUserForm onDone={onClose} />
    </Dialog>
  );
}

function AddUserForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [password, setPassword] = useState({ first: "", again: "" });
  const add = useMutation({
    mutationFn: () => post("users", { name: name.trim(), role, password: password.first }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: usersQuery.queryKey });
      notifications.show({ color: "teal", message: t("users.added", { name: name.trim() }) });
      onDone();
    },
  });
  const ready = name.trim() !== "" && isGood(password);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) add.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {add.error && <ErrorNotice error={add.error} />}
        <TextInput
          label={t("login.name")}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          required
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Radio.Group label={t("column.role")} value={role} onChange={(value) => setRole(value as Role)}>
          <Stack gap={6} mt={6}>
            {ROLES.map((value) => (
              <Radio
                key={value}
                value={value}
                size="xs"
                label={t(`role.${value}`)}
                description={t(`role.may.${value}`)}
              />
            ))}
          </Stack>
        </Radio.Group>
        <PasswordFields label={t("users.initialPassword")} value={password} onChange={setPassword} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onDone}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" disabled={!ready} loading={add.isPending}>
            {t("users.add")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
