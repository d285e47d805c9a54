import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import en from "../src/i18n/en.json";
import zhCN from "../src/i18n/zh-CN.json";

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ""): Map<string, string> {
  const keys = new Map<string, string>();
  for (const [name, value] of Object.entries(tree)) {
    if (typeof value === "string") keys.set(prefix + name, value);
    else for (const [key, text] of flat(value, `${prefix}${name}.`)) keys.set(key, text);
  }
  return keys;
}

const PLURAL = /_(zero|one|two|few|many|other)$/;
const english = flat(en);
const chinese = flat(zhCN);
const names = (keys: Map<string, string>) => new Set([...keys.keys()].map((key) => key.replace(PLURAL, "")));

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(entry.name) ? [readFileSync(path, "utf8")] : [];
  });
}

const source = sources(join(import.meta.dirname, "../src")).join("\n");
// Every quoted text that looks like a key, and every template whose beginning does: `state.${x}`.
const quoted = new Set([...source.matchAll(/["'`]([a-z]\w*(?:\.\w+)+)["'`]/g)].map((match) => match[1]!));
const prefixes = [...source.matchAll(/`([a-z]\w*(?:\.\w+)*\.?\w*)\$\{/g)]
  .map((match) => match[1]!)
  .filter((it) => it.includes("."));
const called = [...source.matchAll(/\bt\(\s*"([^"]+)"/g)].map((match) => match[1]!);

describe("the two languages", () => {
  it("have the same keys", () => {
    expect([...names(chinese)].sort()).toEqual([...names(english)].sort());
  });

  it("fill the same places in each text", () => {
    const places = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();
    for (const [key, text] of chinese) {
      const other = english.get(key) ?? english.get(key.replace(PLURAL, "_other"));
      expect(places(text), key).toEqual(places(other ?? ""));
    }
  });

  it("have a plural for each language's own rules", () => {
    for (const key of english.keys()) {
      if (key.endsWith("_one")) expect(english.has(key.replace(PLURAL, "_other")), key).toBe(true);
    }
    for (const key of chinese.keys()) expect(key.endsWith("_one"), key).toBe(false);
  });

  it("leave no Chinese text in English letters only, unless it is a name", () => {
    const names = /^(Pod|Inkstone|ConfigMap \{\{name\}\})$/;
    for (const [key, text] of chinese) {
      expect(/[\u4e00-\u9fff]/.test(text) || names.test(text), `${key}: ${text}`).toBe(true);
    }
  });
});

describe("the keys", () => {
  it("that the source calls all exist", () => {
    expect(called.filter((key) => !names(english).has(key))).toEqual([]);
  });

  it("are all used", () => {
    const used = (key: string) => quoted.has(key) || prefixes.some((prefix) => key.startsWith(prefix));
    expect([...names(english)].filter((key) => !used(key))).toEqual([]);
  });

  it("stand behind every text: no page writes words of its own", () => {
    const words = [...source.matchAll(/>\s*([A-Z][a-z]+(?: [a-z]+)+)\s*</g)].map((match) => match[1]);
    expect(words).toEqual([]);
  });
});
