import { Text } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { countLines } from "../src/editor/count";
import { diagnosticsOf, rangeOf } from "../src/editor/diagnostics";

const doc = Text.of(["[log]", 'level = "loud"', ""]);

describe("a problem in the editor", () => {
  it("is marked where the checker says", () => {
    const range = rangeOf(doc, { message: "", line: 2, column: 9, length: 6 });
    expect(doc.sliceString(range.from, range.to)).toBe('"loud"');
  });

  it("marks the whole line when it has no column", () => {
    const range = rangeOf(doc, { message: "", line: 2 });
    expect(doc.sliceString(range.from, range.to)).toBe('level = "loud"');
  });

  it("never lies beyond the text, whatever the checker says", () => {
    for (const place of [
      { line: 99, column: 99, length: 99 },
      { line: 0, column: 0 },
      { line: 2, column: 400 },
    ]) {
      const { from, to } = rangeOf(doc, { message: "", ...place });
      expect(from).toBeLessThanOrEqual(to);
      expect(to).toBeLessThanOrEqual(doc.length);
    }
  });

  it("shows message and hint, and names code and key", () => {
    const [shown] = diagnosticsOf(doc, [
      { code: "INK1002", key: "log.level", message: "no such level", hint: "one of debug, info", line: 2 },
    ]);
    expect(shown).toMatchObject({
      message: "no such level\none of debug, info",
      source: "INK1002 log.level",
      severity: "error",
    });
  });
});

describe("the count of changed lines", () => {
  it.each([
    ["a\nb\nc", "a\nB\nc", 1, 1],
    ["a\nb", "a\nb\nc\nd", 2, 0],
    ["a\nb\nc", "a", 0, 2],
    ["", "a\nb", 2, 0],
    ["same", "same", 0, 0],
  ])("of %j and %j is +%i −%i", (left, right, added, removed) => {
    expect(countLines(left, right)).toEqual({ added, removed });
  });
});
