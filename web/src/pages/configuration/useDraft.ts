import { useCallback, useEffect, useRef, useState } from "react";
import type { FileRef, Id } from "../../api/types";
import { basePath } from "../../app/base";

/** Text that is not saved yet, and the revision it started from. */
export type Draft = { content: string; base: Id | null };

const e = encodeURIComponent;

/** What the drafts of this console begin with: another one may be served by the same host under another path. */
const prefix = `inkstone.draft:${e(basePath)}/`;

function keyOf(account: string, file: FileRef): string {
  return prefix + [account, file.namespace, file.application, file.configmap, file.key].map(e).join("/");
}

/** Forgets all drafts of this console: whoever signs out leaves nothing to the next person at the keyboard. */
export function forgetDrafts(): void {
  try {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith(prefix)) sessionStorage.removeItem(key);
    }
  } catch {
    // Storage forbidden: there is nothing in it.
  }
}

function read(key: string): Draft | null {
  try {
    const kept = sessionStorage.getItem(key);
    return kept ? (JSON.parse(kept) as Draft) : null;
  } catch {
    return null;
  }
}

/**
 * An account's draft of a file. It is also kept in the browser's session, so that a reload, or a session that ends and
 * begins again, loses nothing.
 */
export function useDraft(account: string, file: FileRef) {
  const key = keyOf(account, file);
  const [state, setState] = useState(() => ({ key, draft: read(key) }));
  // Another file was chosen: its own draft, before anything is painted.
  const current = state.key === key ? state : { key, draft: read(key) };
  if (current !== state) setState(current);

  const latest = useRef(current.draft);
  latest.current = current.draft;

  const setDraft = useCallback(
    (draft: Draft | null) => {
      latest.current = draft;
      setState({ key, draft });
      try {
        if (draft) sessionStorage.setItem(key, JSON.stringify(draft));
        else sessionStorage.removeItem(key);
      } catch {
        // Storage full or forbidden: the draft lives as long as the page.
      }
    },
    [key],
  );

  /** Ends the draft that became a revision. What was typed since it was sent stays, on top of that revision. */
  const saved = useCallback(
    (content: string, revision: Id) => {
      const draft = latest.current;
      setDraft(draft && draft.content !== content ? { content: draft.content, base: revision } : null);
    },
    [setDraft],
  );

  const dirty = current.draft !== null;
  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [dirty]);

  return [current.draft, setDraft, saved] as const;
}
