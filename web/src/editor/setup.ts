import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { json } from "@codemirror/legacy-modes/mode/javascript";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import { yaml } from "@codemirror/legacy-modes/mode/yaml";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { mono } from "../app/theme";

/** Colours come from the page's variables, so that light and dark need no second editor theme. */
const look = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "var(--mantine-color-text)", backgroundColor: "var(--ink-surface)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: mono, lineHeight: "1.6", overflow: "auto", fontVariantLigatures: "none" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--mantine-color-text)" },
  ".cm-line": { padding: "0 12px 0 6px" },
  ".cm-cursor": { borderLeftColor: "var(--mantine-color-text)", borderLeftWidth: "2px" },
  ".cm-gutters": {
    backgroundColor: "var(--ink-inset)",
    color: "var(--mantine-color-dimmed)",
    border: "none",
    borderRight: "1px solid var(--mantine-color-default-border)",
  },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "34px", padding: "0 8px 0 4px" },
  ".cm-activeLine, .cm-activeLineGutter": {
    backgroundColor: "color-mix(in srgb, var(--mantine-primary-color-filled) 7%, transparent)",
  },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--mantine-primary-color-filled) 28%, transparent) !important",
  },
  ".cm-panels": {
    backgroundColor: "var(--ink-inset)",
    color: "var(--mantine-color-text)",
    borderColor: "var(--mantine-color-default-border)",
  },
  ".cm-panel.cm-search input, .cm-panel.cm-search button": { fontFamily: "inherit", fontSize: "12px" },
  ".cm-textfield": {
    backgroundColor: "var(--ink-surface)",
    border: "1px solid var(--mantine-color-default-border)",
    borderRadius: "4px",
    color: "inherit",
  },
  ".cm-button": {
    backgroundImage: "none",
    backgroundColor: "var(--ink-surface)",
    border: "1px solid var(--mantine-color-default-border)",
    borderRadius: "4px",
    color: "inherit",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--ink-surface)",
    color: "var(--mantine-color-text)",
    border: "1px solid var(--mantine-color-default-border)",
    borderRadius: "5px",
    boxShadow: "var(--mantine-shadow-md)",
  },
  ".cm-diagnostic": {
    fontFamily: "var(--mantine-font-family)",
    fontSize: "12.5px",
    padding: "6px 10px",
    maxWidth: "460px",
  },
  ".cm-collapsedLines": {
    background: "var(--ink-inset)",
    color: "var(--mantine-color-dimmed)",
    borderBlock: "1px solid var(--mantine-color-default-border)",
    fontFamily: "var(--mantine-font-family)",
    fontSize: "12px",
    padding: "4px 10px",
  },
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: '"···"', opacity: "0.6", margin: "0 8px" },
  // Changed lines: the same two colours in the side-by-side and the inline view.
  "&.cm-merge-a .cm-changedLine, .cm-deletedChunk": { backgroundColor: "var(--ink-removed) !important" },
  "&.cm-merge-b .cm-changedLine, .cm-inlineChangedLine": { backgroundColor: "var(--ink-added) !important" },
  "&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText": {
    background: "var(--ink-removed-strong) !important",
    borderRadius: "2px",
  },
  "&.cm-merge-b .cm-changedText": { background: "var(--ink-added-strong) !important", borderRadius: "2px" },
  ".cm-deletedChunk": { paddingLeft: "6px" },
  ".cm-changeGutter": { width: "3px" },
  "&.cm-merge-a .cm-changedLineGutter, .cm-deletedLineGutter": { background: "var(--mantine-color-red-6)" },
  "&.cm-merge-b .cm-changedLineGutter": { background: "var(--mantine-color-teal-6)" },
});

const colors = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--ink-syntax-key)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--ink-syntax-string)" },
  { tag: tags.number, color: "var(--ink-syntax-number)" },
  { tag: [tags.atom, tags.bool, tags.keyword], color: "var(--ink-syntax-header)", fontWeight: "600" },
  { tag: tags.comment, color: "var(--ink-syntax-comment)", fontStyle: "italic" },
]);

/** The highlighting for a content type, or for a file name's ending; TOML when neither is known. */
export function languageOf(type: string): Extension {
  if (type === "text") return [];
  if (type.endsWith("json")) return StreamLanguage.define(json);
  if (type.endsWith("yaml") || type.endsWith("yml")) return StreamLanguage.define(yaml);
  return StreamLanguage.define(toml);
}

/** What every editor and every side of a comparison shares. */
export function base(language: string, phrases: Record<string, string>): Extension {
  return [
    look,
    languageOf(language),
    syntaxHighlighting(colors),
    EditorState.tabSize.of(4),
    EditorState.phrases.of(phrases),
  ];
}
