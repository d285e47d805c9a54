import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { post } from "../../api/client";
import { Dialog } from "../../components/Dialog";
import { ErrorNotice } from "../../components/ErrorNotice";
import { isGood, PasswordFields } from "../../components/PasswordFields";

export function PasswordDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog opened={opened} onClose={onClose} title={t("account.changePassword")} size="sm">
      <PasswordForm onDone={onClose} />
    </Dialog>
  );
}

function PasswordForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const [old, setOld] = useState("");
  const [next, setNext] = useState({ first: "", again: "" });
  const change = useMutation({
    mutationFn: () => post("password", { old, new: next.first }),
    onSuccess: () => {
      notifications.show({ message: t("account.passwordChanged"), color: "teal" });
      onDone();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isGood(next)) change.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {change.error && <ErrorNotice error={change.error} />}
        <PasswordInput
          label={t("account.oldPassword")}
          autoComplete="current-password"
          required
          data-autofocus
          value={old}
          onChange={(event) => setOld(event.currentTarget.value)}
        />
        <PasswordFields label={t("account.newPassword")} value={next} onChange={setNext} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onDone}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={change.isPending} disabled={!old || !isGood(next)}>
            {t("account.changePassword")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
