import { type QueryClient, queryOptions, useQuery } from "@tanstack/react-query";
import { ApiError, get, rememberCsrf } from "./client";
import type {
  Account,
  Application,
  ApplicationSummary,
  FileDetail,
  FileRef,
  Id,
  Release,
  Revision,
  Session,
  VersionRow,
} from "./types";

const e = encodeURIComponent;

/** Path of a configuration file in the API. */
export function filePath(file: FileRef): string {
  return `applications/${e(file.namespace)}/${e(file.application)}/files/${e(file.configmap)}/${e(file.key)}`;
}

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }) => {
    const session = await get<Session>("session", signal);
    rememberCsrf(session.csrf);
    return session;
  },
  staleTime: 60_000,
});

export const applicationsQuery = queryOptions({
  queryKey: ["applications"],
  queryFn: ({ signal }) => get<{ items: ApplicationSummary[] }>("applications", signal).then((page) => page.items),
  refetchInterval: 5_000,
});

export const applicationQuery = (namespace: string, name: string) =>
  queryOptions({
    queryKey: ["application", namespace, name],
    queryFn: ({ signal }) => get<Application>(`applications/${e(namespace)}/${e(name)}`, signal),
    refetchInterval: 2_000,
  });

export const fileQuery = (file: FileRef) =>
  queryOptions({
    queryKey: ["file", file.namespace, file.application, file.configmap, file.key],
    queryFn: ({ signal }) => get<FileDetail>(filePath(file), signal),
    refetchInterval: 5_000,
  });

export const revisionQuery = (id: Id) =>
  queryOptions({
    queryKey: ["revision", id],
    queryFn: ({ signal }) => get<Revision & { content: string }>(`revisions/${e(id)}`, signal),
    // A revision never changes.
    staleTime: Number.POSITIVE_INFINITY,
  });

export const releaseQuery = (id: Id) =>
  queryOptions({
    queryKey: ["release", id],
    queryFn: ({ signal }) => get<Release>(`releases/${e(id)}`, signal),
  });

export const versionsQuery = queryOptions({
  queryKey: ["versions"],
  queryFn: ({ signal }) => get<{ items: VersionRow[] }>("versions", signal).then((page) => page.items),
  refetchInterval: 10_000,
});

export const usersQuery = queryOptions({
  queryKey: ["users"],
  queryFn: ({ signal }) => get<{ items: Account[] }>("users", signal).then((page) => page.items),
});

/** The session of the person at the keyboard; the shell shows pages only when there is one. */
export function useSession(): Session | undefined {
  return useQuery(sessionQuery).data;
}

/** Whether the person may change configuration. */
export function useCanEdit(): boolean {
  const role = useSession()?.user?.role;
  return role === "admin" || role === "editor";
}

/** Drops what a file's pages show, after something was written. */
export function refreshFile(client: QueryClient, file: FileRef): Promise<unknown> {
  return Promise.all([
    client.invalidateQueries({ queryKey: fileQuery(file).queryKey }),
    client.invalidateQueries({ queryKey: ["application", file.namespace, file.application] }),
  ]);
}

/** Whether an error means that the session has ended. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}
