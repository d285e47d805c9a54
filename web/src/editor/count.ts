import { Chunk } from "@codemirror/merge";
import { Text } from "@codemirror/state";

function linesIn(doc: Text, from: number, to: number): string[] {
  const text = doc.sliceString(from, Math.min(to, doc.length));
  if (text === "") return [];
  return text.replace(/\n$/, "").split("\n");
}

/** How many lines one text has that the other has not, each way. */
export function countLines(left: string, right: string): { added: number; removed: number } {
  const a = Text.of(left.split("\n"));
  const b = Text.of(right.split("\n"));
  let added = 0;
  let removed = 0;
  for (const chunk of Chunk.build(a, b)) {
    const before = linesIn(a, chunk.fromA, chunk.toA);
    const after = linesIn(b, chunk.fromB, chunk.toB);
    // A chunk may reach over a line whose only change is that another follows it.
    while (before.length > 0 && after.length > 0 && before[0] === after[0]) {
      before.shift();
      after.shift();
    }
    while (before.length > 0 && after.length > 0 && before.at(-1) === after.at(-1)) {
      before.pop();
      after.pop();
    }
    added += after.length;
    removed += before.length;
  }
  return { added, removed };
}
