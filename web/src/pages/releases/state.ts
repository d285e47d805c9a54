import { isRunning } from "../../api/releaseEvents";
import type { FileDetail, Release } from "../../api/types";

/** Whether a release's content is worth publishing again: it is over, no pod refused it, and it is not what is live. */
export function mayRollBackTo(release: Release, live: FileDetail["live"] | undefined): boolean {
  return !isRunning(release) && release.state !== "refused" && live !== undefined && live?.hash !== release.hash;
}
