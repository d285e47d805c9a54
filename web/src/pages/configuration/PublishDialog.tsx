import { Skeleton } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, post } from "../../api/client";
import { filePath, fileQuery, refreshFile } from "../../api/queries";
import type { Application, ConfigFile, Release, Revision } from "../../api/types";
import { Dialog } from "../../components/Dialog";
import { ErrorNotice } from "../../components/ErrorNotice";
import { ReleaseForm } from "../releases/ReleaseForm";
import { refOf } from "./file";
import { useContent } from "./useFile";

type Props = {
  application: Application;
  file: ConfigFile;
  revision: Revision;
  onClose: () => void;
  onPublished: (release: Release) => void;
};

/** Publish a saved revision: what changes on the pods, and which pods those are. */
export function PublishDialog({ application, file, revision, onClose, onPublished }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const ref = refOf(application, file);
  const detail = useQuery(fileQuery(ref));
  const content = useContent(revision.id);
  const [message, setMessage] = useState(revision.message);
  // What the person compared with. It changes only when they say so.
  const [compared, setCompared] = useState(detail.data?.live ?? null);
  const live = detail.data?.live ?? null;

  const publish = useMutation({
    mutationFn: () =>
      post<Release>(`${filePath(ref)}/releases`, {
        revision: revision.id,
        expected_live_hash: compared?.hash ?? null,
        message: message.trim(),
      }),
    onSuccess: async (release) => {
      await refreshFile(client, ref);
      onPublished(release);
    },
    onError: (error) => {
      if (error instanceof ApiError && error.code === "live_changed") refreshFile(client, ref);
    },
  });
  const refused = publish.error instanceof ApiError && publish.error.code === "live_changed";
  const moved = refused || (live?.hash ?? null) !== (compared?.hash ?? null);

  return (
    <Dialog opened onClose={onClose} title={t("publish.title", { number: revision.number, file: file.key })} size={920}>
      {content.error && <ErrorNotice error={content.error} />}
      {!content.data && !content.error && <Skeleton h={260} />}
      {content.data && (
        <ReleaseForm
          application={application}
          file={file}
          live={compared?.content ?? ""}
          content={content.data.content}
          contentLabel={t("compare.revision", { number: revision.number })}
          message={message}
          onMessage={setMessage}
          error={publish.error && !refused ? publish.error : undefined}
          moved={moved}
          onLookAgain={() => {
            setCompared(live);
            publish.reset();
          }}
          submit={t("publish.submit", { number: revision.number })}
          pending={publish.isPending}
          onSubmit={() => publish.mutate()}
          onClose={onClose}
        />
      )}
    </Dialog>
  );
}
