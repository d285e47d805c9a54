import type { Diagnostic } from "@codemirror/lint";
import type { Text } from "@codemirror/state";
import type { Problem } from "../api/types";

/** Where a problem stands in the text: at least one character wide, never beyond the text. */
export function rangeOf(doc: Text, problem: Problem): { from: number; to: number } {
  const number = Math.min(Math.max(problem.line ?? 1, 1), doc.lines);
  const line = doc.line(number);
  const from = Math.min(line.from + Math.max((problem.column ?? 1) - 1, 0), line.to);
  const length = problem.column ? Math.max(problem.length ?? 1, 1) : line.length;
  const to = Math.min(Math.max(from + length, from), line.to);
  return { from, to };
}

/** Problems as squiggles: message, then the hint, then code and key. */
export function diagnosticsOf(doc: Text, problems: Problem[]): Diagnostic[] {
  return problems.map((problem) => ({
    ...rangeOf(doc, problem),
    severity: problem.severity === "warning" ? "warning" : "error",
    source: [problem.code, problem.key].filter(Boolean).join(" "),
    message: problem.hint ? `${problem.message}\n${problem.hint}` : problem.message,
  }));
}
