import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import type { MockUser } from "./data";
import { Reply, routes } from "./routes";
import { State } from "./state";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

export type Options = { port?: number; base?: string; dist?: string; state?: State };
export type Mock = { url: string; state: State; close: () => Promise<void> };

/** The console's API in memory, with the built front end, under any base path. */
export async function startMock({ port = 0, base = "/", dist, state = new State() }: Options = {}): Promise<Mock> {
  const sessions = new Map<string, { user: MockUser; csrf: string }>();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://mock");
    if (!pathname.startsWith(base)) return send(response, 404, "text/plain", "outside of the base path");
    const path = pathname.slice(base.length);
    if (!path.startsWith("api/v1/"))
      return dist ? page(response, dist, base, path) : send(response, 404, "text/plain", "");

    const token = /(?:^|; )inkstone_session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1] ?? "";
    try {
      const body = request.method === "POST" ? JSON.parse((await read(request)) || "{}") : undefined;
      const route = path.slice("api/v1/".length).split("/").map(decodeURIComponent);
      const session = sessions.get(token);
      const signIn = (user: MockUser) => {
        const made = randomBytes(12).toString("hex");
        sessions.set(made, { user, csrf: randomBytes(12).toString("hex") });
        response.setHeader("Set-Cookie", `inkstone_session=${made}; HttpOnly; SameSite=Strict; Path=${base}`);
        return sessions.get(made)!;
      };
      const csrf = request.headers["x-csrf-token"];
      if (request.method === "POST" && session && csrf !== session.csrf && !["login", "setup"].includes(route[0]!)) {
        throw new Reply(403, "csrf", "The request carries no valid token");
      }
      const answer = routes({
        method: request.method!,
        route,
        query: searchParams,
        body,
        state,
        session,
        signIn,
        signOut: () => sessions.delete(token),
      });
      if (answer?.stream) return stream(response, state, answer.stream);
      if (answer === undefined) return send(response, 204, "application/json", "");
      return send(response, answer.status ?? 200, "application/json", JSON.stringify(answer.json));
    } catch (error) {
      const reply = error instanceof Reply ? error : new Reply(500, "internal", String(error));
      const problem = { status: reply.status, code: reply.code, title: reply.title, detail: reply.detail };
      return send(response, reply.status, "application/problem+json", JSON.stringify(problem));
    }
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  const bound = typeof address === "object" && address ? address.port : port;
  return {
    url: `http://127.0.0.1:${bound}${base}`,
    state,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    "Content-Type": type,
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(body);
}

function page(response: ServerResponse, dist: string, base: string, path: string): void {
  const file = join(dist, normalize(path));
  if (path && file.startsWith(dist) && existsSync(file)) {
    send(response, 200, TYPES[extname(file)] ?? "application/octet-stream", readFileSync(file));
    return;
  }
  const html = readFileSync(join(dist, "index.html"), "utf8")
    .replace(/<base [^>]*>/, "")
    .replace("<head>", `<head><base href="${base}"><meta name="inkstone-base" content="${base}">`);
  response.setHeader("Content-Security-Policy", POLICY);
  send(response, 200, TYPES[".html"]!, html);
}

function stream(response: ServerResponse, state: State, id: string): void {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  const tell = (): void => {
    const release = state.release(id)?.release;
    response.write(`event: release\ndata: ${JSON.stringify(release)}\n\n`);
    if (release?.state === "written" || release?.state === "publishing") return;
    state.off(id, tell);
    response.end();
  };
  state.on(id, tell);
  response.on("close", () => state.off(id, tell));
  tell();
}
