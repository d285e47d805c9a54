import { Chunk } from "@codemirror/merge";
import { Text } from "@codemirror/state";

function linesIn(doc: Text, from: number, to: number): number {
  if (from >= to) return 0;
  return doc.lineAt(Math.min(to - 1, doc.length)).number - doc.lineAt(from).number + 1;
}

/** How many lines one text has that the other has not, each way. */
export function countLines(left: string, right: string): { added: number; removed: number } {
  const a = Text.of(left.split("\n"));
  const b = Text.of(right.split("\n"));
  let added = 0;
  let removed = 0;
  for (const chunk of Chunk.build(a, b)) {
    removed += linesIn(a, chunk.fromA, chunk.toA);
    added += linesIn(b, chunk.fromB, chunk.toB);
  }
  return { added, removed };
}
