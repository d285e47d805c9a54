import { getChunks, goToNextChunk, goToPreviousChunk, MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { ActionIcon, Box, Group, SegmentedControl, Switch, Text, Tooltip } from "@mantine/core";
import { useLocalStorage, useMediaQuery } from "@mantine/hooks";
import { IconArrowDown, IconArrowUp, IconEqual } from "@tabler/icons-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Empty } from "../components/Empty";
import { countLines } from "./count";
import classes from "./Diff.module.css";
import { phrases } from "./phrases";
import { base } from "./setup";

type Side = { content: string; label: string };
type Props = { left: Side; right: Side; language: string; height?: number | string };
type Layout = "split" | "inline";

/** Two texts compared, side by side or as one, unchanged lines folded away unless asked for. */
export function Diff({ left, right, language, height = 360 }: Props) {
  const { t } = useTranslation();
  const narrow = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const [wanted, setWanted] = useLocalStorage<Layout>({ key: "inkstone.diff", defaultValue: "split" });
  const [folded, setFolded] = useState(true);
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const layout: Layout = narrow ? "inline" : wanted;
  const counts = useMemo(() => countLines(left.content, right.content), [left.content, right.content]);
  const same = left.content === right.content;

  useEffect(() => {
    const parent = host.current;
    if (!parent || same) return;
    const named = (label: string): Extension[] => [
      lineNumbers(),
      EditorState.readOnly.of(true),
      EditorView.editable.of(false),
      EditorView.contentAttributes.of({ tabindex: "0", "aria-label": label }),
      EditorView.lineWrapping,
      base(language, phrases(t)),
    ];
    const collapseUnchanged = folded ? { margin: 3, minSize: 4 } : undefined;
    if (layout === "split") {
      const merge = new MergeView({
        a: { doc: left.content, extensions: named(left.label) },
        b: { doc: right.content, extensions: named(right.label) },
        parent,
        gutter: true,
        collapseUnchanged,
      });
      view.current = merge.b;
      return () => merge.destroy();
    }
    const single = new EditorView({
      parent,
      doc: right.content,
      extensions: [
        ...named(right.label),
        unifiedMergeView({ original: left.content, mergeControls: false, gutter: true, collapseUnchanged }),
      ],
    });
    view.current = single;
    return () => single.destroy();
  }, [left.content, left.label, right.content, right.label, language, layout, folded, same, t]);

  const jump = (forward: boolean) => {
    const current = view.current;
    if (!current || !getChunks(current.state)) return;
    (forward ? goToNextChunk : goToPreviousChunk)(current);
  };

  return (
    <Box className={classes.frame}>
      <Group justify="space-between" gap="xs" px={10} py={6} className={classes.bar}>
        <Group gap={8} wrap="nowrap" miw={0} fz="xs">
          <Text span fz="xs" className="truncate">
            {left.label}
          </Text>
          <Text span c="dimmed" aria-hidden>
            →
          </Text>
          <Text span fz="xs" className="truncate">
            {right.label}
          </Text>
          {!same && (
            <Text span ff="monospace" fz="xs" className="figures" aria-label={t("diff.counts", counts)}>
              <Text span inherit c="teal">
                +{counts.added}
              </Text>{" "}
              <Text span inherit c="red">
                −{counts.removed}
              </Text>
            </Text>
          )}
        </Group>
        {!same && (
          <Group gap={6}>
            <Tooltip label={t("diff.previous")}>
              <ActionIcon size="sm" aria-label={t("diff.previous")} onClick={() => jump(false)}>
                <IconArrowUp size={14} />
              </ActionIcon>
            </Tooltip>
            <Tooltip label={t("diff.next")}>
              <ActionIcon size="sm" aria-label={t("diff.next")} onClick={() => jump(true)}>
                <IconArrowDown size={14} />
              </ActionIcon>
            </Tooltip>
            <Switch
              size="xs"
              label={t("diff.onlyChanges")}
              checked={folded}
              onChange={(event) => setFolded(event.currentTarget.checked)}
            />
            <SegmentedControl
              visibleFrom="sm"
              aria-label={t("diff.layout")}
              value={layout}
              onChange={(value) => setWanted(value as Layout)}
              data={[
                { value: "split", label: t("diff.split") },
                { value: "inline", label: t("diff.inline") },
              ]}
            />
          </Group>
        )}
      </Group>
      {same ? (
        <Empty icon={IconEqual} title={t("diff.same")}>
          {t("diff.sameDetail")}
        </Empty>
      ) : (
        <Box ref={host} className={classes.host} mah={height} data-testid="diff" />
      )}
    </Box>
  );
}
