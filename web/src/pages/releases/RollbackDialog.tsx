import { Skeleton } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, post } from "../../api/client";
import { fileQuery, refreshFile } from "../../api/queries";
import type { Application, Release, RollbackRequest } from "../../api/types";
import { Dialog } from "../../components/Dialog";
import { ErrorNotice } from "../../components/ErrorNotice";
import { refOf } from "../configuration/file";
import { useContent } from "../configuration/useFile";
import { ReleaseForm } from "./ReleaseForm";

type Props = {
  application: Application;
  file: { configmap: string; key: string; content_type: string };
  release: Release;
  onClose: () => void;
  onDone: (release: Release) => void;
};

/** Publish the content of an earlier release again, as a new release. */
export function RollbackDialog({ application, file, release, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const ref = refOf(application, file);
  const detail = useQuery(fileQuery(ref));
  const content = useContent(release.revision);
  const [message, setMessage] = useState(() => t("rollback.defaultMessage", { number: release.number }));
  // Undefined while it is not loaded, null when the ConfigMap has no such key.
  const live = detail.data?.live;
  // What the person compared with. After it is loaded it changes only when they say so.
  const [compared, setCompared] = useState(live);
  useEffect(() => {
    setCompared((current) => (current === undefined ? live : current));
  }, [live]);

  const rollback = useMutation({
    mutationFn: () => {
      const body: RollbackRequest = { expected_live_hash: compared?.hash ?? null, message: message.trim() };
      return post<Release>(`releases/${encodeURIComponent(release.id)}/rollback`, body);
    },
    onSuccess: async (made) => {
      await refreshFile(client, ref);
      onDone(made);
    },
    onError: (error) => {
      if (error instanceof ApiError && error.code === "live_changed") refreshFile(client, ref);
    },
  });
  const refused = rollback.error instanceof ApiError && rollback.error.code === "live_changed";
  const error = content.error ?? detail.error;

  return (
    <Dialog opened onClose={onClose} title={t("rollback.title", { number: release.number, file: file.key })} size={920}>
      {error && <ErrorNotice error={error} />}
      {!error && (!content.data || compared === undefined) && <Skeleton h={260} />}
      {content.data && compared !== undefined && (
        <ReleaseForm
          application={application}
          file={file}
          live={compared?.content ?? ""}
          content={content.data.content}
          contentLabel={t("rollback.contentOf", { number: release.number })}
          message={message}
          onMessage={setMessage}
          error={rollback.error && !refused ? rollback.error : undefined}
          moved={refused || (live !== undefined && live?.hash !== compared?.hash)}
          onLookAgain={() => {
            setCompared(live);
            rollback.reset();
          }}
          submit={t("rollback.submit")}
          pending={rollback.isPending}
          onSubmit={() => rollback.mutate()}
          onClose={onClose}
        />
      )}
    </Dialog>
  );
}
