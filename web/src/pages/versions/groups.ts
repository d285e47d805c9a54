import type { VersionRow } from "../../api/types";

export const GROUPINGS = ["application", "commit", "inkstone"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export type VersionGroup = { name: string; rows: VersionRow[] };

function nameOf(row: VersionRow, grouping: Grouping): string {
  if (grouping === "application") return row.namespace ? `${row.namespace} / ${row.application}` : row.application;
  if (grouping === "commit") return row.build?.commit.slice(0, 12) ?? "";
  return row.build ? `Inkstone ${row.build.inkstone}` : "";
}

/** Rows by the chosen property, groups by name; rows that report nothing come last. */
export function groupsOf(rows: VersionRow[], grouping: Grouping): VersionGroup[] {
  const groups = new Map<string, VersionRow[]>();
  for (const row of rows) {
    const name = nameOf(row, grouping);
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  return [...groups]
    .map(([name, members]) => ({ name, rows: members }))
    .sort((a, b) => Number(a.name === "") - Number(b.name === "") || a.name.localeCompare(b.name));
}

/** Whether every word of the filter occurs in some field of the row. */
export function matches(row: VersionRow, filter: string): boolean {
  const build = row.build ? Object.values(row.build).join(" ") : "";
  const dirty = row.build?.dirty ? "dirty" : "";
  const text = `${row.namespace} ${row.application} ${row.pod} ${build} ${dirty} ${row.error ?? ""}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
