import { describe, expect, it } from "vitest";
import type { Application, ConfigState, FileDetail, Release, Revision, VersionRow } from "../src/api/types";
import { relative } from "../src/i18n/time";
import { worstState } from "../src/pages/application/state";
import { chosenFile } from "../src/pages/configuration/file";
import { publication } from "../src/pages/configuration/useFile";
import { mayRollBackTo } from "../src/pages/releases/state";
import { groupsOf, matches } from "../src/pages/versions/groups";

function revision(number: number, hash: string): Revision {
  return { id: `r${number}`, number, author: "a", message: "", created_at: "", hash };
}

function detail(live: string | null, ...hashes: string[]): FileDetail {
  return {
    live: live === null ? null : { content: "", hash: live, resource_version: "1", release: null },
    revisions: hashes.map((hash, index) => revision(hashes.length - index, hash)),
    releases: live === "x" ? [{} as Release] : [],
  };
}

describe("the state of a file", () => {
  it.each([
    ["published", detail("b", "b", "a")],
    ["published", detail("a")],
    ["unpublished", detail("a", "b", "a")],
    // Put there by hand before the console's first release.
    ["unpublished", detail("y", "b", "a")],
    ["foreign", detail("x", "b", "a")],
    ["absent", detail(null, "a")],
  ] as const)("is %s", (state, file) => {
    expect(publication(file)).toBe(state);
  });
});

describe("an application", () => {
  const file = { configmap: "c", key: "k.toml", hash: "", release: null, content_type: "toml" };
  const application = (...states: ConfigState[]): Application => ({
    namespace: "n",
    name: "a",
    labels: {},
    replicas: states.length,
    files: [file],
    pods: states.map((state, index) => ({
      name: `p${index}`,
      ip: null,
      node: null,
      phase: "Running",
      ready: true,
      restarts: 0,
      started_at: null,
      build: null,
      governor: "ok",
      config: [
        { configmap: "c", key: "k.toml", state, written_hash: null, loaded_hash: null, loaded_at: null, problems: [] },
      ],
    })),
  });

  it("shows its worst pod: one refusal outweighs many successes", () => {
    expect(worstState(application("loaded", "refused", "written"), file)).toBe("refused");
    expect(worstState(application("loaded", "written"), file)).toBe("written");
    expect(worstState(application("loaded", "loaded"), file)).toBe("loaded");
    expect(worstState(application(), file)).toBe("none");
  });

  it("opens its first file when the address names one that is gone", () => {
    expect(chosenFile(application("loaded"), "c/gone.toml")).toBe(file);
    expect(chosenFile(application("loaded"), "c/k.toml")).toBe(file);
  });
});

describe("a roll back", () => {
  const release = (state: Release["state"], hash: string) => ({ state, hash }) as Release;
  const live = { content: "", hash: "now", resource_version: "1", release: null };

  it("is offered to what was once good and is not live", () => {
    expect(mayRollBackTo(release("complete", "then"), live)).toBe(true);
    expect(mayRollBackTo(release("superseded", "then"), live)).toBe(true);
    expect(mayRollBackTo(release("complete", "now"), live)).toBe(false);
    expect(mayRollBackTo(release("refused", "then"), live)).toBe(false);
    expect(mayRollBackTo(release("written", "then"), live)).toBe(false);
    expect(mayRollBackTo(release("complete", "then"), undefined)).toBe(false);
  });
});

describe("versions", () => {
  const row = (application: string, commit: string | null): VersionRow => ({
    namespace: "shop",
    application,
    pod: `${application}-1`,
    ready: true,
    error: commit ? null : "unreachable",
    build: commit
      ? {
          name: application,
          version: "1.0.0",
          commit,
          dirty: false,
          host: "h",
          user: "u",
          time: "",
          rustc: "",
          inkstone: "0.1.0",
          target: "",
          profile: "",
        }
      : null,
  });
  const rows = [row("orders", null), row("catalog", "aaaa"), row("storefront", "aaaa")];

  it("group by commit, those without a report last", () => {
    expect(groupsOf(rows, "commit").map((group) => [group.name, group.rows.length])).toEqual([
      ["aaaa", 2],
      ["", 1],
    ]);
  });

  it("are found by every word of the filter, in any field", () => {
    expect(rows.filter((entry) => matches(entry, "shop aaaa")).length).toBe(2);
    expect(rows.filter((entry) => matches(entry, "UNREACHABLE")).length).toBe(1);
    expect(rows.filter((entry) => matches(entry, "")).length).toBe(3);
  });
});

describe("a moment", () => {
  const now = new Date("2026-01-02T12:00:00Z");
  it.each([
    ["2026-01-02T11:59:57Z", "en", "3 sec. ago"],
    ["2026-01-02T11:30:00Z", "en", "30 min. ago"],
    ["2025-12-31T12:00:00Z", "en", "2 days ago"],
    ["2026-01-02T11:30:00Z", "zh-CN", "30分钟前"],
    // A server's clock a little ahead is now, not the future.
    ["2026-01-02T12:00:04Z", "en", "now"],
  ])("%s in %s is %s", (at, language, text) => {
    expect(relative(new Date(at), now, language)).toBe(text);
  });
});
