/** The console's HTTP API, as its OpenAPI document describes it. */

export type Role = "admin" | "editor" | "viewer";
export type User = { name: string; role: Role };

export type BuildInfo = {
  name: string;
  version: string;
  commit: string;
  dirty: boolean;
  host: string;
  user: string;
  time: string;
  rustc: string;
  inkstone: string;
  target: string;
  profile: string;
};

export type Session = { user: User | null; csrf: string; setup: boolean; version: BuildInfo; cluster: string };

export type ConfigState = "loaded" | "written" | "refused" | "unknown" | "none";

export type ApplicationSummary = {
  namespace: string;
  name: string;
  pods: { ready: number; total: number };
  versions: string[];
  config: ConfigState;
  updated_at: string | null;
};

export type Problem = {
  severity?: "error" | "warning";
  code?: string | null;
  key?: string | null;
  message: string;
  file?: string | null;
  line?: number | null;
  column?: number | null;
  length?: number | null;
  hint?: string | null;
};

export type PodConfig = {
  configmap: string;
  key: string;
  state: ConfigState;
  written_hash: string | null;
  loaded_hash: string | null;
  loaded_at: string | null;
  /** Why nothing is known. */
  reason?: string | null;
  problems: Problem[];
};

export type Pod = {
  name: string;
  ip: string | null;
  node: string | null;
  phase: string;
  ready: boolean;
  restarts: number;
  started_at: string | null;
  build: BuildInfo | null;
  terminating?: boolean;
  /** Keys that were changed but count only after a restart. */
  pending_restart?: string[];
  /** "ok", "none" (no governor port) or "unreachable: why". */
  governor: string;
  config: PodConfig[];
};

export type ConfigFile = {
  configmap: string;
  key: string;
  hash: string;
  release: Id | null;
  content_type: string;
};

export type Application = {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  replicas: number;
  pods: Pod[];
  files: ConfigFile[];
};

/** Opaque; `number` is the one for people. */
export type Id = string;

export type Revision = {
  id: Id;
  number: number;
  author: string;
  message: string;
  created_at: string;
  hash: string;
  content?: string;
};

export type ReleaseState = "publishing" | "written" | "complete" | "refused" | "failed" | "interrupted" | "superseded";

export type ReleasePod = {
  name: string;
  state: ConfigState;
  reason?: string | null;
  loaded_at: string | null;
  problems: Problem[];
};

export type Release = {
  id: Id;
  configmap?: string;
  key?: string;
  number: number;
  revision: Id;
  revision_number: number;
  author: string;
  message: string;
  created_at: string;
  kind: "publish" | "rollback";
  rollback_of: Id | null;
  state: ReleaseState;
  hash: string;
  error: string | null;
  pods: ReleasePod[];
  written_at: string | null;
  completed_at: string | null;
};

export type RollbackRequest = {
  /** What was compared with; null when the ConfigMap had no such key. Without it, whatever is live is replaced. */
  expected_live_hash?: string | null;
  message: string;
};

export type FileDetail = {
  /** Null when the ConfigMap has no such key. */
  live: { content: string; hash: string; resource_version: string; release: Id | null } | null;
  revisions: Revision[];
  releases: Release[];
};

export type VersionRow = {
  namespace: string;
  application: string;
  pod: string;
  ready: boolean;
  build: BuildInfo | null;
  error: string | null;
};

export type AuditRow = {
  id: number;
  at: string;
  actor: string;
  address: string;
  action: string;
  object: string;
  result: "ok" | "denied" | "failed";
  before: unknown;
  after: unknown;
};

export type AuditPage = { items: AuditRow[]; next: number | null };

export type Account = { name: string; role: Role; created_at?: string | null; last_login_at?: string | null };

/** Which configuration file: a key of a ConfigMap of an application. */
export type FileRef = { namespace: string; application: string; configmap: string; key: string };
