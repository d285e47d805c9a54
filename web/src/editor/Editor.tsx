import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { linter, lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { type RefObject, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Problem } from "../api/types";
import { diagnosticsOf, rangeOf } from "./diagnostics";
import { phrases } from "./phrases";
import { base } from "./setup";

export type EditorHandle = { goTo: (problem: Problem) => void; focus: () => void };

type Props = {
  value: string;
  onChange: (value: string) => void;
  /** Asks for the problems of a text; called some time after the last key. */
  check?: (content: string) => Promise<Problem[]>;
  readOnly?: boolean;
  language: string;
  label: string;
  handle?: RefObject<EditorHandle | null>;
};

const CHECK_DELAY = 350;

/** A text editor with highlighting, search, and squiggles where the server sees a problem. */
export function Editor({ value, onChange, check, readOnly = false, language, label, handle }: Props) {
  const { t } = useTranslation();
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const writable = useRef(new Compartment());
  // The view outlives renders; it reaches the newest callbacks through this.
  const latest = useRef({ value, onChange, check });
  latest.current = { value, onChange, check };

  useEffect(() => {
    const state = EditorState.create({
      doc: latest.current.value,
      extensions: [
        lineNumbers(),
        highlightActiveLineGutter(),
        lintGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        indentUnit.of("  "),
        bracketMatching(),
        highlightActiveLine(),
        highlightSelectionMatches(),
        search({ top: true }),
        // Tab indents; the editor itself lets Escape, then Tab, leave it.
        keymap.of([indentWithTab, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...lintKeymap]),
        linter(
          async (target) => {
            const ask = latest.current.check;
            if (!ask) return [];
            const problems = await ask(target.state.doc.toString());
            return diagnosticsOf(target.state.doc, problems);
          },
          { delay: CHECK_DELAY },
        ),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) latest.current.onChange(update.state.doc.toString());
        }),
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
        writable.current.of([EditorState.readOnly.of(readOnly), EditorView.editable.of(!readOnly)]),
        base(language, phrases(t)),
      ],
    });
    const made = new EditorView({ state, parent: host.current! });
    view.current = made;
    return () => {
      made.destroy();
      view.current = null;
    };
  }, [language, label, readOnly, t]);

  // Before anything else can be typed: a later effect would take an older value for a change from outside.
  useLayoutEffect(() => {
    const current = view.current;
    if (!current || current.state.doc.toString() === value) return;
    current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: value } });
  }, [value]);

  useImperativeHandle(handle, () => ({
    goTo(problem) {
      const current = view.current;
      if (!current) return;
      const { from, to } = rangeOf(current.state.doc, problem);
      current.dispatch({
        selection: { anchor: from, head: to },
        effects: EditorView.scrollIntoView(from, { y: "center" }),
      });
      current.focus();
    },
    focus: () => view.current?.focus(),
  }));

  return <div ref={host} style={{ height: "100%", minHeight: 0, overflow: "hidden" }} />;
}
