import type { TFunction } from "i18next";

/** The texts inside the editor that a reader meets. */
export function phrases(t: TFunction): Record<string, string> {
  return {
    Find: t("editor.find"),
    Replace: t("editor.replace"),
    next: t("editor.next"),
    previous: t("editor.previous"),
    all: t("editor.all"),
    "match case": t("editor.matchCase"),
    regexp: t("editor.regexp"),
    "by word": t("editor.byWord"),
    replace: t("editor.replaceOne"),
    "replace all": t("editor.replaceAll"),
    close: t("action.close"),
    Diagnostics: t("editor.problems"),
    "No diagnostics": t("editor.noProblems"),
    "$ unchanged lines": t("diff.unchanged"),
  };
}
