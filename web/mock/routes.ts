import type { Release } from "../src/api/types";
import { check } from "./check";
import { build, type MockApp, type MockUser, sha256 } from "./data";
import type { State } from "./state";

/** An answer that is not a success. */
export class Reply extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail = "",
  ) {
    super(title);
  }
}

type Session = { user: MockUser; csrf: string };
type Call = {
  method: string;
  route: string[];
  query: URLSearchParams;
  // biome-ignore lint/suspicious/noExplicitAny: the mock trusts what the front end sends
  body: any;
  state: State;
  session: Session | undefined;
  signIn: (user: MockUser) => Session;
  signOut: () => void;
};
type Answer = { json?: unknown; status?: number; stream?: string } | undefined;

const notFound = () => new Reply(404, "not_found", "There is no such thing", "The address names nothing that exists.");

function sessionOf(state: State, session: Session | undefined) {
  const user = session && { name: session.user.name, role: session.user.role };
  return {
    user: user ?? null,
    csrf: session?.csrf ?? "",
    setup: state.users.length === 0,
    version: build("inkstone-console", "0.1.0", "9d2f6a31c7b84e05a1f2c3d4e5b6a7980f1e2d3c"),
    cluster: "local",
  };
}

export function routes(call: Call): Answer {
  const { method, route, body, state, session } = call;
  const [first] = route;
  if (first === "health") return { json: { status: "ok" } };
  if (first === "session") return { json: sessionOf(state, session) };
  if (first === "setup") {
    if (state.users.length > 0) throw new Reply(409, "already_set_up", "The console already has an account");
    if (body.token !== state.setupToken)
      throw new Reply(
        403,
        "bad_setup_token",
        "The one-time link does not hold",
        "The token is wrong, used or from an earlier start.",
      );
    const user: MockUser = {
      name: body.name,
      password: body.password,
      role: "admin",
      created_at: new Date().toISOString(),
      last_login_at: null,
    };
    state.users.push(user);
    return { json: sessionOf(state, call.signIn(user)) };
  }
  if (first === "login") {
    const user = state.users.find((entry) => entry.name === body.name && entry.password === body.password);
    if (!user) throw new Reply(401, "bad_credentials", "Name or password is wrong", "No session was made.");
    user.last_login_at = new Date().toISOString();
    return { json: sessionOf(state, call.signIn(user)) };
  }
  if (!session) throw new Reply(401, "signed_out", "Not signed in");
  const { user } = session;
  const need = (...roles: string[]) => {
    if (!roles.includes(user.role)) throw new Reply(403, "forbidden", "Your role may not do this");
  };
  switch (first) {
    case "logout":
      call.signOut();
      return undefined;
    case "password":
      if (user.password !== body.old) throw new Reply(401, "bad_credentials", "The current password is wrong");
      user.password = body.new;
      return undefined;
    case "users":
      need("admin");
      if (method === "GET") return { json: { items: state.users.map(({ password: _, ...rest }) => rest) } };
      if (state.users.some((entry) => entry.name === body.name))
        throw new Reply(409, "name_taken", `There is already an account ${body.name}`);
      state.users.push({ ...body, created_at: new Date().toISOString(), last_login_at: null });
      return { status: 201, json: { name: body.name, role: body.role } };
    case "applications":
      return applications(call, user);
    case "revisions": {
      const revision = state.revision(route[1]!);
      if (!revision) throw notFound();
      return { json: revision };
    }
    case "releases":
      return releases(call, user, need);
    case "versions":
      return { json: { items: versions(state) } };
    case "audit": {
      need("admin");
      const limit = Number(call.query.get("limit") ?? 50);
      const before = Number(call.query.get("before") ?? Number.POSITIVE_INFINITY);
      const rest = state.audit.filter((row) => row.id < before);
      return { json: { items: rest.slice(0, limit), next: rest.length > limit ? rest[limit - 1]!.id : null } };
    }
    default:
      throw notFound();
  }
}

function summary(state: State, app: MockApp) {
  const states = app.pods.flatMap((pod) => state.configOf(app, pod).map((entry) => entry.state));
  const config = (["refused", "written", "unknown", "loaded"] as const).find((name) => states.includes(name)) ?? "none";
  return {
    namespace: app.namespace,
    name: app.name,
    pods: { ready: app.pods.filter((pod) => pod.ready).length, total: app.pods.length },
    versions: [...new Set(app.pods.flatMap((pod) => (pod.build ? [pod.build.version] : [])))],
    config,
    updated_at: app.files[0]?.releases[0]?.created_at ?? app.pods[0]?.started_at ?? null,
  };
}

function applications({ method, route, body, state }: Call, user: MockUser): Answer {
  const [, namespace, name, , configmap, key, verb] = route;
  if (!namespace) return { json: { items: state.apps.map((app) => summary(state, app)) } };
  const app = state.app(namespace, name!);
  if (!app) throw notFound();
  if (!configmap) {
    const pods = app.pods.map(({ loaded: _, ...pod }, index) => ({
      ...pod,
      config: state.configOf(app, app.pods[index]!),
    }));
    const files = app.files.map((file) => ({
      configmap: file.configmap,
      key: file.key,
      hash: sha256(file.live),
      release: file.liveRelease,
      content_type: "toml",
    }));
    const labels = { "app.kubernetes.io/name": app.name, "app.kubernetes.io/part-of": "shop" };
    return { json: { ...summary(state, app), labels, replicas: app.replicas, pods, files } };
  }
  const file = app.files.find((entry) => entry.configmap === configmap && entry.key === key);
  if (!file) throw notFound();
  if (!verb) {
    const live = {
      content: file.live,
      hash: sha256(file.live),
      resource_version: String(file.resourceVersion),
      release: file.liveRelease,
    };
    return {
      json: { live, revisions: file.revisions.map(({ content: _, ...rest }) => rest), releases: file.releases },
    };
  }
  if (method !== "POST") throw notFound();
  if (user.role === "viewer") throw new Reply(403, "forbidden", "Your role may not do this");
  if (verb === "check") return { json: { problems: check(body.content) } };
  const actor = {
    actor: user.name,
    address: "127.0.0.1",
    object: `${namespace}/${name} ${configmap}/${key}`,
    result: "ok" as const,
  };
  if (verb === "revisions") {
    const newest = file.revisions[0];
    if ((newest?.id ?? null) !== body.base) {
      throw new Reply(
        409,
        "stale",
        "Someone saved first",
        `Revision #${newest?.number} is newer than the one this text started from.`,
      );
    }
    const revision = state.save(file, user.name, body.message, body.content);
    state.record({ ...actor, action: "revision.create", before: null, after: { message: body.message } });
    return { status: 201, json: revision };
  }
  const revision = file.revisions.find((entry) => entry.id === body.revision);
  if (!revision) throw notFound();
  if (body.expected_live_hash !== sha256(file.live)) {
    throw new Reply(409, "live_changed", "The ConfigMap is not what was compared", "Nothing was written.");
  }
  const release = state.publish(app, file, revision, user.name, body.message ?? revision.message, null);
  state.record({
    ...actor,
    action: "release.create",
    before: null,
    after: { release: release.number, message: release.message },
  });
  return { status: 201, json: release };
}

function releases({ route, body, state }: Call, user: MockUser, need: (...roles: string[]) => void): Answer {
  const found = state.release(route[1]!);
  if (!found) throw notFound();
  if (route[2] === "events") return { stream: route[1]! };
  if (route[2] !== "rollback") return { json: found.release };
  need("admin", "editor");
  if (body.expected_live_hash !== undefined && body.expected_live_hash !== sha256(found.file.live)) {
    throw new Reply(409, "live_changed", "The ConfigMap is not what was compared", "Nothing was written.");
  }
  const revision = state.revision(found.release.revision)!;
  const made: Release = state.publish(found.app, found.file, revision, user.name, body.message, found.release.id);
  state.record({
    actor: user.name,
    address: "127.0.0.1",
    action: "release.rollback",
    object: `${found.app.namespace}/${found.app.name}`,
    result: "ok",
    before: null,
    after: { release: made.number },
  });
  return { status: 201, json: made };
}

function versions(state: State) {
  const pods = state.apps.flatMap((app) =>
    app.pods.map((pod) => ({
      namespace: app.namespace,
      application: app.name,
      pod: pod.name,
      ready: pod.ready,
      build: pod.build,
      error: pod.build ? null : pod.governor,
    })),
  );
  const own = sessionOf(state, undefined).version;
  return [...pods, { namespace: "", application: "inkstone-console", pod: "", ready: true, build: own, error: null }];
}
