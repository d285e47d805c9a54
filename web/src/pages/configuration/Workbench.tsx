import { Box, Grid, Skeleton, Stack } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { post } from "../../api/client";
import { filePath, refreshFile, revisionQuery, useCanEdit, useSession } from "../../api/queries";
import type { Application, ConfigFile, Problem, Revision } from "../../api/types";
import { ErrorNotice } from "../../components/ErrorNotice";
import type { EditorHandle } from "../../editor/Editor";
import { Comparison } from "./Comparison";
import { EditorPane } from "./EditorPane";
import { refOf } from "./file";
import { History } from "./History";
import { Notices } from "./Notices";
import { PodsOfFile } from "./PodsOfFile";
import { PublishDialog } from "./PublishDialog";
import { SaveDialog } from "./SaveDialog";
import { Toolbar } from "./Toolbar";
import { useDraft } from "./useDraft";
import { useFile } from "./useFile";

type Props = { application: Application; file: ConfigFile };

/** Editor, history and pods of one file, and the dialogs that save, publish and roll back. */
export function Workbench({ application, file }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const search = useSearch({ from: "/shell/applications/$namespace/$application" });
  const canEdit = useCanEdit();
  const account = useSession()?.user?.name ?? "";
  const ref = useMemo(() => refOf(application, file), [application, file]);
  const { query, detail, newest, content, error } = useFile(ref);
  const [draft, setDraft, endDraft] = useDraft(account, ref);
  const [problems, setProblems] = useState<Problem[]>();
  const [saving, setSaving] = useState(false);
  const [publishing, setPublishing] = useState<Revision>();
  const editor = useRef<EditorHandle>(null);
  const path = filePath(ref);

  const text = draft?.content ?? content;
  const comparing = Boolean(search.left && search.right);

  const check = useCallback(
    async (value: string) => {
      const answer = await post<{ problems: Problem[] }>(`${path}/check`, { content: value }).catch(() => undefined);
      setProblems(answer?.problems);
      return answer?.problems ?? [];
    },
    [path],
  );

  const change = (value: string) => {
    if (value === content) setDraft(null);
    else setDraft({ content: value, base: draft ? draft.base : (newest?.id ?? null) });
  };

  const askToSave = useCallback(() => {
    if (draft && canEdit) setSaving(true);
    else notifications.show({ message: t(canEdit ? "save.nothing" : "role.cannotEdit") });
  }, [draft, canEdit, t]);

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "s") return;
      event.preventDefault();
      askToSave();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [askToSave]);

  const saved = async (revision: Revision, publishNext: boolean) => {
    setSaving(false);
    const stored = draft?.content ?? content ?? "";
    client.setQueryData(revisionQuery(revision.id).queryKey, { ...revision, content: stored });
    await refreshFile(client, ref);
    endDraft(stored, revision.id);
    notifications.show({ color: "teal", message: t("save.done", { number: revision.number }) });
    if (publishNext) setPublishing(revision);
  };

  if (!detail || text === undefined) {
    return error ? (
      <ErrorNotice
        error={error}
        title={t("configuration.loadFailed", { file: file.key })}
        retry={() => query.refetch()}
      />
    ) : (
      <Skeleton h={420} radius="md" />
    );
  }
  const compare = (left: string, right: string) =>
    navigate({ to: ".", search: { tab: "configuration", file: search.file, left, right } });

  return (
    <Stack gap="sm">
      <Toolbar
        application={application}
        file={file}
        detail={detail}
        dirty={draft !== null}
        canEdit={canEdit}
        onCompare={() => compare("live", draft || !newest ? "draft" : newest.id)}
        onSave={askToSave}
        onPublish={() => newest && setPublishing(newest)}
        onDiscard={() => setDraft(null)}
      />
      <Notices detail={detail} draft={draft} onCompare={compare} onTakeLive={(live) => change(live)} />
      <Grid gap="sm" align="stretch">
        <Grid.Col span={{ base: 12, lg: comparing ? 9 : 8 }}>
          {comparing ? (
            <Comparison file={file} detail={detail} draft={text} left={search.left!} right={search.right!} />
          ) : (
            <EditorPane
              file={file}
              value={text}
              problems={problems}
              readOnly={!canEdit}
              handle={editor}
              check={canEdit ? check : undefined}
              onChange={change}
            />
          )}
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: comparing ? 3 : 4 }}>
          <Stack gap="sm">
            {!comparing && (
              <PodsOfFile application={application} file={file} onGoTo={(problem) => editor.current?.goTo(problem)} />
            )}
            <History
              detail={detail}
              canEdit={canEdit}
              compared={[search.left, search.right]}
              onCompare={compare}
              onPublish={setPublishing}
              onLoad={(revision) => change(revision)}
            />
          </Stack>
        </Grid.Col>
      </Grid>
      <Box>
        <SaveDialog
          opened={saving}
          onClose={() => setSaving(false)}
          file={ref}
          language={file.content_type}
          base={content ?? ""}
          newest={newest}
          draft={draft}
          errors={problems?.filter((problem) => problem.severity !== "warning").length ?? 0}
          onRebase={(base) => draft && setDraft({ ...draft, base })}
          onTakeTheirs={() => {
            setSaving(false);
            setDraft(null);
          }}
          onSaved={saved}
        />
        {publishing && (
          <PublishDialog
            application={application}
            file={file}
            revision={publishing}
            onClose={() => setPublishing(undefined)}
            onPublished={(release) => {
              setPublishing(undefined);
              navigate({ to: ".", search: { tab: "configuration", file: search.file, release: release.id } });
            }}
          />
        )}
      </Box>
    </Stack>
  );
}
