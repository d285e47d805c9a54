import { skipToken, useQuery } from "@tanstack/react-query";
import { fileQuery, revisionQuery } from "../../api/queries";
import type { FileDetail, FileRef, Id, Revision } from "../../api/types";

/** A file with the content that an edit starts from: its newest revision, or what is live when it has none. */
export function useFile(file: FileRef) {
  const query = useQuery(fileQuery(file));
  const newest = query.data?.revisions[0];
  const isLive = newest !== undefined && newest.hash === query.data?.live?.hash;
  const revision = useContent(newest && !isLive ? newest.id : null);
  const content = !query.data
    ? undefined
    : newest && !isLive
      ? revision.data?.content
      : (query.data.live?.content ?? "");
  return { query, detail: query.data, newest, content, error: query.error ?? revision.error };
}

/** The text of a revision; nothing while no revision is asked for. */
export function useContent(id: Id | null) {
  const options = revisionQuery(id ?? "");
  return useQuery({ ...options, queryFn: id ? options.queryFn : skipToken });
}

/** How the newest saved text relates to what runs. */
export function publication(detail: FileDetail): "published" | "unpublished" | "foreign" | "absent" {
  const newest: Revision | undefined = detail.revisions[0];
  if (!detail.live) return "absent";
  if (!newest || newest.hash === detail.live.hash) return "published";
  // Before the first release, what is live was put there by hand, and that is fine.
  const ours = detail.releases.length === 0 || detail.revisions.some((it) => it.hash === detail.live?.hash);
  return ours ? "unpublished" : "foreign";
}

/** The revision that is live: the newest one with the live content. */
export function liveRevision(detail: FileDetail): Revision | undefined {
  const release = detail.releases.find((entry) => entry.id === detail.live?.release);
  return (
    detail.revisions.find((revision) => revision.id === release?.revision && revision.hash === detail.live?.hash) ??
    detail.revisions.find((revision) => revision.hash === detail.live?.hash)
  );
}
