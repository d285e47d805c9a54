import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api } from "../app/base";
import { releaseQuery } from "./queries";
import type { Id, Release } from "./types";

const RUNNING = new Set<Release["state"]>(["publishing", "written"]);

/** Whether a release still changes by itself. */
export function isRunning(release: Release): boolean {
  return RUNNING.has(release.state);
}

/**
 * Follows a release until it is final.
 *
 * The event stream pushes each change; a slow poll covers a proxy that holds the stream back.
 */
export function useRelease(id: Id) {
  const client = useQueryClient();
  const query = useQuery({
    ...releaseQuery(id),
    refetchInterval: (current) => (current.state.data && isRunning(current.state.data) ? 3_000 : false),
  });
  const running = query.data ? isRunning(query.data) : false;

  useEffect(() => {
    if (!running) return;
    const source = new EventSource(api(`releases/${encodeURIComponent(id)}/events`));
    source.addEventListener("release", (event) => {
      const release = JSON.parse((event as MessageEvent<string>).data) as Release;
      client.setQueryData(releaseQuery(id).queryKey, release);
      if (isRunning(release)) return;
      source.close();
      client.invalidateQueries({ queryKey: ["file"] });
      client.invalidateQueries({ queryKey: ["application"] });
    });
    return () => source.close();
  }, [client, id, running]);

  return query;
}
