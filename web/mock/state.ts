import { EventEmitter } from "node:events";
import type { AuditRow, ConfigState, PodConfig, Release, ReleasePod, Revision } from "../src/api/types";
import { check } from "./check";
import { ago, type MockApp, type MockFile, type MockPod, type MockUser, seed, sha256 } from "./data";

let counter = 0x18f3c2a9;
const newId = (): string => (counter++).toString(16).padStart(16, "0");
const now = (): string => new Date().toISOString();

/** Everything the mock knows, in memory. */
export class State extends EventEmitter {
  apps: MockApp[] = seed();
  users: MockUser[] = [];
  audit: AuditRow[] = [];
  /** How long a pod takes to load, in milliseconds; each next pod takes as much again. */
  loadDelay = 160;
  setupToken = "mock-setup-token";
  private releases = new Map<string, { app: MockApp; file: MockFile; release: Release }>();

  app(namespace: string, name: string): MockApp | undefined {
    return this.apps.find((app) => app.namespace === namespace && app.name === name);
  }

  file(namespace: string, name: string, configmap: string, key: string): { app: MockApp; file: MockFile } | undefined {
    const app = this.app(namespace, name);
    const file = app?.files.find((entry) => entry.configmap === configmap && entry.key === key);
    return app && file ? { app, file } : undefined;
  }

  release(id: string) {
    return this.releases.get(id);
  }

  revision(id: string): (Revision & { content: string }) | undefined {
    return this.apps.flatMap((app) => app.files.flatMap((file) => file.revisions)).find((entry) => entry.id === id);
  }

  record(row: Omit<AuditRow, "id" | "at">, at = now()): void {
    this.audit.unshift({ id: this.audit.length + 1, at, ...row });
  }

  save(file: MockFile, author: string, message: string, content: string, at = now()): Revision & { content: string } {
    const number = (file.revisions[0]?.number ?? 0) + 1;
    const revision = { id: newId(), number, author, message, created_at: at, hash: sha256(content), content };
    file.revisions.unshift(revision);
    return revision;
  }

  publish(
    app: MockApp,
    file: MockFile,
    revision: Revision & { content: string },
    author: string,
    message: string,
    rollbackOf: string | null,
  ): Release {
    for (const open of file.releases) {
      if (open.state === "written" || open.state === "publishing") this.finish(open, "superseded");
    }
    const release: Release = {
      id: newId(),
      configmap: file.configmap,
      key: file.key,
      number: (file.releases[0]?.number ?? 0) + 1,
      revision: revision.id,
      revision_number: revision.number,
      author,
      message,
      created_at: now(),
      kind: rollbackOf ? "rollback" : "publish",
      rollback_of: rollbackOf,
      state: "written",
      hash: revision.hash,
      error: null,
      pods: app.pods.map((pod) => ({ name: pod.name, state: "written", reason: null, loaded_at: null, problems: [] })),
      written_at: new Date(Date.now() + 18).toISOString(),
      completed_at: null,
    };
    file.releases.unshift(release);
    file.live = revision.content;
    file.resourceVersion += 1;
    file.liveRelease = release.id;
    this.releases.set(release.id, { app, file, release });
    app.pods.forEach((pod, index) => {
      setTimeout(() => this.load(file, release, pod), this.loadDelay * (index + 1));
    });
    return release;
  }

  private load(file: MockFile, release: Release, pod: MockPod): void {
    if (release.state !== "written") return;
    const step = release.pods.find((entry) => entry.name === pod.name);
    if (!step) return;
    this.settle(step, file, pod, release.hash);
    if (release.pods.every((entry) => entry.state !== "written")) {
      const refused = release.pods.some((entry) => entry.state !== "loaded");
      this.finish(release, refused ? "refused" : "complete");
    }
    this.emit(release.id, release);
  }

  private settle(step: ReleasePod, file: MockFile, pod: MockPod, hash: string): void {
    if (!pod.build) {
      Object.assign(step, { state: "unknown", reason: pod.governor });
      return;
    }
    const problems = check(file.live).map((problem) => ({ ...problem, file: `/etc/${file.configmap}/${file.key}` }));
    const before = pod.loaded[file.key];
    if (problems.length > 0) {
      step.state = "refused";
      step.problems = problems;
      pod.loaded[file.key] = { hash: before?.hash ?? "", at: before?.at ?? now(), problems };
    } else {
      step.state = "loaded";
      step.loaded_at = now();
      pod.loaded[file.key] = { hash, at: step.loaded_at, problems: [] };
    }
  }

  private finish(release: Release, state: Release["state"]): void {
    release.state = state;
    release.completed_at = now();
    this.emit(release.id, release);
  }

  /** What a pod says about each of its files. */
  configOf(app: MockApp, pod: MockPod): PodConfig[] {
    return app.files.map((file) => {
      const written = sha256(file.live);
      const loaded = pod.loaded[file.key];
      const state: ConfigState = !loaded
        ? "unknown"
        : loaded.problems.length > 0
          ? "refused"
          : loaded.hash === written
            ? "loaded"
            : "written";
      return {
        configmap: file.configmap,
        key: file.key,
        state,
        written_hash: written,
        loaded_hash: loaded?.hash ?? null,
        loaded_at: loaded?.at ?? null,
        reason: loaded ? null : pod.governor,
        problems: loaded?.problems ?? [],
      };
    });
  }

  /** A week of work: users, revisions, releases, one refusal. Used for screenshots and `dev:mock`. */
  withHistory(): this {
    const password = "correct horse battery";
    this.users = [
      { name: "admin", role: "admin", password, created_at: ago(600_000), last_login_at: ago(40) },
      { name: "li.wei", role: "editor", password, created_at: ago(500_000), last_login_at: ago(7_300) },
      { name: "marta", role: "viewer", password, created_at: ago(90_000), last_login_at: null },
    ];
    const app = this.app("shop", "catalog")!;
    const file = app.files[0]!;
    const first = file.live.replace('cache = "10s"', 'cache = "30s"').replace("pool_size = 8", "pool_size = 4");
    const steps: [string, string, string, number][] = [
      ["admin", "Take over what was applied by hand", first, 400_000],
      [
        "li.wei",
        "Double the connections to products: the pool was empty at noon",
        first.replace("pool_size = 4", "pool_size = 8"),
        180_000,
      ],
      ["li.wei", "Shorten the price cache to 10 s for the sale", file.live, 6_000],
    ];
    for (const [author, message, content, seconds] of steps) {
      const revision = this.save(file, author, message, content, ago(seconds));
      this.finished(app, file, revision, seconds - 60, "complete");
      this.audits(author, message, `shop/catalog ${file.configmap}/${file.key}`, seconds);
    }
    this.save(
      file,
      "li.wei",
      "Round prices to cents",
      `${file.live}`.replace("rounding = 2", "rounding = 3"),
      ago(900),
    );
    this.app("shop", "orders")!.pods[0]!.pending_restart = ["sqlite.orders.pool_size"];
    this.refuse();
    return this;
  }

  private finished(
    app: MockApp,
    file: MockFile,
    revision: Revision & { content: string },
    seconds: number,
    state: Release["state"],
  ): void {
    const at = new Date(Date.parse(ago(seconds)));
    const later = (ms: number) => new Date(at.getTime() + ms).toISOString();
    const release: Release = {
      id: newId(),
      configmap: file.configmap,
      key: file.key,
      number: (file.releases[0]?.number ?? 0) + 1,
      revision: revision.id,
      revision_number: revision.number,
      author: revision.author,
      message: revision.message,
      created_at: at.toISOString(),
      kind: "publish",
      rollback_of: null,
      state,
      hash: revision.hash,
      error: null,
      pods: app.pods.map((pod, index) => ({
        name: pod.name,
        state: "loaded",
        loaded_at: later(90 + 41 * index),
        problems: [],
      })),
      written_at: later(14),
      completed_at: later(210),
    };
    file.releases.unshift(release);
    file.liveRelease = release.id;
    this.releases.set(release.id, { app, file, release });
  }

  /** The storefront refuses what was published last. */
  private refuse(): void {
    const app = this.app("shop", "storefront")!;
    const file = app.files[0]!;
    const good = this.save(file, "admin", "Take over what was applied by hand", file.live, ago(300_000));
    this.finished(app, file, good, 299_000, "complete");
    const wrong = file.live.replace("port = 8080", 'port = "eighty"');
    const revision = this.save(file, "li.wei", "Move to port 80", wrong, ago(320));
    const problems = check(wrong).map((problem) => ({ ...problem, file: `/etc/storefront/${file.key}` }));
    this.finished(app, file, revision, 300, "refused");
    const release = file.releases[0]!;
    release.pods = app.pods.map((pod) => ({ name: pod.name, state: "refused", loaded_at: null, problems }));
    file.live = wrong;
    for (const pod of app.pods) pod.loaded[file.key] = { hash: sha256(good.content), at: ago(299_000), problems };
    this.audits("li.wei", "Move to port 80", "shop/storefront storefront/storefront.toml", 320);
    this.record(
      {
        actor: "marta",
        address: "10.0.4.17",
        action: "release.create",
        object: "shop/catalog catalog/catalog.toml",
        result: "denied",
        before: null,
        after: null,
      },
      ago(200),
    );
    this.record(
      {
        actor: "admin",
        address: "10.0.4.2",
        action: "session.login",
        object: "user admin",
        result: "ok",
        before: null,
        after: null,
      },
      ago(40),
    );
  }

  private audits(actor: string, message: string, object: string, seconds: number): void {
    const row = { actor, address: "10.0.4.9", object, result: "ok" as const };
    this.record({ ...row, action: "revision.create", before: null, after: { message } }, ago(seconds));
    this.record(
      {
        ...row,
        action: "release.create",
        before: { hash: sha256(object).slice(0, 12) },
        after: { hash: sha256(message).slice(0, 12), message },
      },
      ago(seconds - 60),
    );
  }
}
