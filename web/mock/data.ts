import { createHash } from "node:crypto";
import type { BuildInfo, Pod, Problem, Release, Revision, Role } from "../src/api/types";

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const started = Date.now();
/** A moment before the mock started, as the API writes it. */
export const ago = (seconds: number): string => new Date(started - seconds * 1000).toISOString();

export function build(name: string, version: string, commit: string, dirty = false): BuildInfo {
  return {
    name,
    version,
    commit,
    dirty,
    host: "build-7.example.com",
    user: "ci",
    time: ago(9_400),
    rustc: "rustc 1.97.0 (5ab3c2e1d 2026-08-30)",
    inkstone: "0.1.0",
    target: "x86_64-unknown-linux-gnu",
    profile: "release",
  };
}

export type MockFile = {
  configmap: string;
  key: string;
  live: string;
  resourceVersion: number;
  liveRelease: string | null;
  revisions: (Revision & { content: string })[];
  releases: Release[];
};

export type MockPod = Omit<Pod, "config"> & {
  /** File key → what it has loaded, when, and what it refuses. */
  loaded: Record<string, { hash: string; at: string; problems: Problem[] }>;
};

export type MockApp = { namespace: string; name: string; replicas: number; pods: MockPod[]; files: MockFile[] };

export type MockUser = { name: string; role: Role; password: string; created_at: string; last_login_at: string | null };

const CATALOG = `# catalog: the products of the shop
[server.grpc]
host = "\${env:POD_IP:-127.0.0.1}"
port = 9001

[server.governor]
host = "\${env:POD_IP:-127.0.0.1}"
port = 9100
token = "\${env:GOVERNOR_TOKEN}"

[sqlite.products]
path = "/var/lib/catalog/products.db"
pool_size = 8
guard.timeout = "250ms"

[pricing]
currency = "EUR"
cache = "10s"
rounding = 2

[log]
level = "info"
`;

const FEATURES = `[features]
recommendations = true
new_checkout = false

[features.rollout]
percent = 25
`;

const ORDERS = CATALOG.replaceAll("catalog", "orders").replace("9001", "9002").replace("products", "orders");
const STOREFRONT = `[server.http]
host = "\${env:POD_IP:-127.0.0.1}"
port = 8080

[grpc.catalog]
addr = "k8s:///catalog.shop:grpc"
guard.timeout = "300ms"

[grpc.orders]
addr = "k8s:///orders.shop:grpc"
guard.timeout = "500ms"
`;

function file(configmap: string, key: string, live: string): MockFile {
  return { configmap, key, live, resourceVersion: 100, liveRelease: null, revisions: [], releases: [] };
}

function pod(app: string, suffix: string, index: number, info: BuildInfo | null, files: MockFile[]): MockPod {
  const loaded = Object.fromEntries(
    files.map((entry) => [entry.key, { hash: sha256(entry.live), at: ago(5_000), problems: [] }]),
  );
  return {
    name: `${app}-${suffix}`,
    ip: `127.1.0.${10 + index}`,
    node: "local",
    phase: "Running",
    ready: true,
    terminating: false,
    restarts: 0,
    started_at: ago(5_200 + index * 7),
    build: info,
    governor: info ? "ok" : "unreachable: connect to 127.1.0.19:9100: connection refused",
    loaded: info ? loaded : {},
  };
}

/** A shop of three services with a little history, or an empty cluster. */
export function seed(): MockApp[] {
  const catalogFiles = [file("catalog", "catalog.toml", CATALOG), file("catalog", "features.toml", FEATURES)];
  const ordersFiles = [file("orders", "orders.toml", ORDERS)];
  const storefrontFiles = [file("storefront", "storefront.toml", STOREFRONT)];
  const catalogBuild = build("catalog", "0.1.0", "4f9c1d2ab7e08c5566b3a1e2d4c9f0a7b8e6d5c3");
  const ordersBuild = build("orders", "0.1.0", "4f9c1d2ab7e08c5566b3a1e2d4c9f0a7b8e6d5c3");
  const storefrontBuild = build("storefront", "0.2.0-rc.1", "b81e07f3c2d94a6688a0c7d1e5f2b3a490817263", true);
  return [
    {
      namespace: "shop",
      name: "catalog",
      replicas: 3,
      files: catalogFiles,
      pods: ["7c9d6b54f8-4kq2m", "7c9d6b54f8-x8r7t", "7c9d6b54f8-zw9pl"].map((suffix, index) =>
        pod("catalog", suffix, index, catalogBuild, catalogFiles),
      ),
    },
    {
      namespace: "shop",
      name: "orders",
      replicas: 2,
      files: ordersFiles,
      pods: [
        pod("orders", "5d8f7c6b9-hh2vd", 3, ordersBuild, ordersFiles),
        { ...pod("orders", "5d8f7c6b9-q6m4s", 9, null, ordersFiles), ready: false, restarts: 4, started_at: ago(34) },
      ],
    },
    {
      namespace: "shop",
      name: "storefront",
      replicas: 1,
      files: storefrontFiles,
      pods: [pod("storefront", "6b7c9df5d4-p2x8c", 5, storefrontBuild, storefrontFiles)],
    },
  ];
}
