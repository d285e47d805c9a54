import { Alert, Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, post } from "../../api/client";
import { filePath, refreshFile } from "../../api/queries";
import type { FileRef, Id, Revision } from "../../api/types";
import { Dialog } from "../../components/Dialog";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Diff } from "../../editor/Diff";
import { StaleChoice } from "./StaleChoice";
import type { Draft } from "./useDraft";

type Props = {
  opened: boolean;
  onClose: () => void;
  file: FileRef;
  language: string;
  /** The newest saved content. */
  base: string;
  newest: Revision | undefined;
  draft: Draft | null;
  errors: number;
  onRebase: (base: Id | null) => void;
  onTakeTheirs: () => void;
  onSaved: (revision: Revision, publishNext: boolean) => void;
};

/** Save the draft as a revision: what changes, and why. Nothing runs differently until it is published. */
export function SaveDialog({ opened, onClose, ...rest }: Props) {
  const { t } = useTranslation();
  return (
    <Dialog
      opened={opened && rest.draft !== null}
      onClose={onClose}
      title={t("save.title", { file: rest.file.key })}
      size={920}
    >
      {rest.draft && <SaveForm {...rest} draft={rest.draft} onClose={onClose} />}
    </Dialog>
  );
}

type FormProps = Omit<Props, "opened" | "draft"> & { draft: Draft };

function SaveForm({
  onClose,
  file,
  language,
  base,
  newest,
  draft,
  errors,
  onRebase,
  onTakeTheirs,
  onSaved,
}: FormProps) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [message, setMessage] = useState("");
  const save = useMutation({
    mutationFn: async ({ publishNext }: { publishNext: boolean }) => {
      const body = { content: draft.content, message: message.trim(), base: draft.base };
      return { revision: await post<Revision>(`${filePath(file)}/revisions`, body), publishNext };
    },
    onSuccess: ({ revision, publishNext }) => onSaved(revision, publishNext),
    onError: (error) => {
      if (error instanceof ApiError && error.code === "stale") refreshFile(client, file);
    },
  });
  const refused = save.error instanceof ApiError && save.error.code === "stale";
  const stale = refused || draft.base !== (newest?.id ?? null);
  const ready = !stale && message.trim() !== "" && !save.isPending;

  return (
    <Stack
      gap="sm"
      onKeyDown={(event) => {
        if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && ready) save.mutate({ publishNext: false });
      }}
    >
      {save.error && !refused && <ErrorNotice error={save.error} title={t("save.failed")} />}
      {stale && newest && (
        <StaleChoice
          newest={newest}
          onKeepMine={() => {
            onRebase(newest.id);
            save.reset();
          }}
          onTakeTheirs={onTakeTheirs}
          mine={draft.content}
        />
      )}
      {errors > 0 && (
        <Alert color="orange" icon={<IconAlertTriangle size={17} />} py={6}>
          <Text fz="sm">{t("save.hasErrors", { count: errors })}</Text>
        </Alert>
      )}
      <Diff
        left={{ content: base, label: newest ? t("compare.revision", { number: newest.number }) : t("compare.live") }}
        right={{ content: draft.content, label: t("compare.draft") }}
        language={language}
        height="38dvh"
      />
      <Textarea
        label={t("save.message")}
        description={t("save.messageHint")}
        placeholder={t("save.messageExample")}
        data-autofocus
        maxLength={500}
        value={message}
        onChange={(event) => setMessage(event.currentTarget.value)}
      />
      <Group justify="space-between" gap="xs">
        <Text fz="xs" c="dimmed" flex={1} miw={200}>
          {t("save.effect")}
        </Text>
        <Group gap="xs">
          <Button variant="default" onClick={onClose}>
            {t("action.cancel")}
          </Button>
          <Button
            variant="default"
            disabled={stale || !message.trim()}
            loading={save.isPending}
            onClick={() => save.mutate({ publishNext: true })}
          >
            {t("save.andPublish")}
          </Button>
          <Button
            disabled={stale || !message.trim()}
            loading={save.isPending}
            onClick={() => save.mutate({ publishNext: false })}
          >
            {t("save.submit")}
          </Button>
        </Group>
      </Group>
    </Stack>
  );
}
