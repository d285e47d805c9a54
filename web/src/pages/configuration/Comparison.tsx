import { Button, Group, Select, Skeleton, Stack } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconArrowLeft, IconArrowsLeftRight } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { ConfigFile, FileDetail } from "../../api/types";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Diff } from "../../editor/Diff";
import { useContent } from "./useFile";

type Props = { file: ConfigFile; detail: FileDetail; draft: string; left: string; right: string };

/** The text behind a side of the comparison: "live", "draft", or the id of a revision. */
function useSide(side: string, detail: FileDetail, draft: string) {
  const { t } = useTranslation();
  const fixed = side === "live" || side === "draft";
  const revision = useContent(fixed ? null : side);
  const known = detail.revisions.find((entry) => entry.id === side);
  if (side === "live") return { content: detail.live?.content ?? "", label: t("compare.live"), error: null };
  if (side === "draft") return { content: draft, label: t("compare.draft"), error: null };
  const number = known?.number ?? revision.data?.number ?? "?";
  return { content: revision.data?.content, label: t("compare.revision", { number }), error: revision.error };
}

/** Any two of: what is live, the text in the editor, a revision. Both sides stand in the address. */
export function Comparison({ file, detail, draft, left, right }: Props) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ from: "/shell/applications/$namespace/$application" });
  const a = useSide(left, detail, draft);
  const b = useSide(right, detail, draft);
  const go = (sides: { left?: string; right?: string }) =>
    navigate({ to: ".", search: { tab: "configuration", file: search.file, ...sides }, replace: true });
  useHotkeys([["Escape", () => go({})]]);

  const choices = [
    { value: "live", label: t("compare.live") },
    { value: "draft", label: t("compare.draft") },
    ...detail.revisions.map((revision) => ({
      value: revision.id,
      label: `#${revision.number} ${revision.message}`.slice(0, 60),
    })),
  ];
  const error = a.error ?? b.error;
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <Button variant="subtle" leftSection={<IconArrowLeft size={14} />} onClick={() => go({})}>
          {t("compare.back")}
        </Button>
        <Select
          aria-label={t("compare.left")}
          searchable
          w={{ base: "100%", xs: 220 }}
          data={choices}
          value={left}
          onChange={(value) => value && go({ left: value, right })}
        />
        <Button
          variant="default"
          px={8}
          aria-label={t("compare.swap")}
          title={t("compare.swap")}
          onClick={() => go({ left: right, right: left })}
        >
          <IconArrowsLeftRight size={14} />
        </Button>
        <Select
          aria-label={t("compare.right")}
          searchable
          w={{ base: "100%", xs: 220 }}
          data={choices}
          value={right}
          onChange={(value) => value && go({ left, right: value })}
        />
      </Group>
      {error && <ErrorNotice error={error} title={t("compare.failed")} />}
      {a.content !== undefined && b.content !== undefined ? (
        <Diff
          left={{ content: a.content, label: a.label }}
          right={{ content: b.content, label: b.label }}
          language={file.content_type || file.key}
          height="calc(100dvh - 236px)"
        />
      ) : (
        !error && <Skeleton h={300} radius="md" />
      )}
    </Stack>
  );
}
