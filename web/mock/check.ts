import type { Problem } from "../src/api/types";

/** Key → type, enough of a schema to show what the real checker shows. */
const KNOWN: Record<string, "int" | "string" | "dur" | "bool"> = {
  host: "string",
  port: "int",
  token: "string",
  path: "string",
  addr: "string",
  pool_size: "int",
  "guard.timeout": "dur",
  currency: "string",
  cache: "dur",
  rounding: "int",
  level: "string",
  recommendations: "bool",
  new_checkout: "bool",
  percent: "int",
};

const WANTED = { int: "a whole number", string: "a string", dur: 'a duration such as "250ms"', bool: "true or false" };

function fits(type: keyof typeof WANTED, value: string): boolean {
  if (type === "int") return /^-?\d+$/.test(value);
  if (type === "bool") return /^(true|false)$/.test(value);
  if (type === "dur") return /^"\d+(ms|s|m|h)"$/.test(value);
  return /^".*"$/.test(value);
}

function nearest(key: string): string | undefined {
  return Object.keys(KNOWN).find((known) => known.slice(0, 3) === key.slice(0, 3) || known.endsWith(key.slice(-4)));
}

/** The problems of a text, as the console's `check` answers them. */
export function check(content: string): Problem[] {
  const problems: Problem[] = [];
  let table = "";
  content.split("\n").forEach((text, index) => {
    const line = index + 1;
    const head = /^\s*\[([^\]]*)\]?\s*$/.exec(text);
    if (head) {
      table = head[1]!;
      if (text.includes("]")) return;
      problems.push({
        severity: "error",
        code: "INK1007",
        key: null,
        message: "the table head is not closed",
        line,
        column: 1,
        length: text.length,
        hint: "add the missing ]",
      });
      return;
    }
    const entry = /^(\s*)([\w.]+)\s*=\s*(.*?)\s*$/.exec(text);
    if (!entry) {
      if (text.trim() && !text.trim().startsWith("#")) {
        problems.push({
          severity: "error",
          code: "INK1007",
          key: null,
          message: "expected `key = value`",
          line,
          column: 1,
          length: text.length,
          hint: null,
        });
      }
      return;
    }
    const [, indent, key, value] = entry as unknown as [string, string, string, string];
    const full = table ? `${table}.${key}` : key;
    const type = KNOWN[key];
    if (!type) {
      const near = nearest(key);
      problems.push({
        severity: "error",
        code: "INK1001",
        key: full,
        message: `unknown key \`${key}\``,
        line,
        column: indent.length + 1,
        length: key.length,
        hint: near ? `did you mean \`${near}\`?` : null,
      });
    } else if (!fits(type, value)) {
      problems.push({
        severity: "error",
        code: "INK1002",
        key: full,
        message: `${full} must be ${WANTED[type]}, found ${value}`,
        line,
        column: text.indexOf(value, indent.length + key.length) + 1,
        length: value.length,
        hint: null,
      });
    }
  });
  return problems;
}
