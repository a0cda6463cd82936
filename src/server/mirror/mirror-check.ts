import type { Clock } from "../clock";
import type { Pusher } from "./pusher";

/** A mirror that takes nothing for so long is told of: short breaks are made good before anybody looks. */
const TOLD_AFTER_MS = 10_000;
/** One that is behind by so much does not keep up. */
const BEHIND_MS = 30_000;

/** For `/readyz`: `ok`, or what is the matter and what to do. */
export function mirrorCheck(deps: {
  pusher: Pick<Pusher, "health">;
  clock: Clock;
  /** null: the embedded host */
  remoteUrl: string | null;
}): () => Promise<string> {
  const { pusher, clock, remoteUrl } = deps;
  const name = remoteUrl === null ? "The embedded Convex host" : `Convex at ${remoteUrl}`;
  const next =
    remoteUrl === null
      ? "The server's log says why."
      : `Check that it runs and that its functions are this version's: "npm run convex:deploy".`;
  return async () => {
    const { failingSinceMs, detail, parked, waiting, oldestMs } = pusher.health();
    const seconds = failingSinceMs === null ? 0 : Math.round((clock.monotonicNow() - failingSinceMs) / 1000);
    if (seconds * 1000 >= TOLD_AFTER_MS) {
      const why = detail === null ? "" : ` (${detail.slice(0, 200)})`;
      return `${name} has taken nothing for ${seconds} seconds${why}. Sessions go on; pages show no news. ${next}`;
    }
    if (parked.length > 0)
      return `${name} refuses ${parked.length} of the rows and events that it is sent. ${next} Then have it tried again: npm run admin -- mirror rebuild`;
    if (oldestMs >= BEHIND_MS)
      return `${name} is ${Math.round(oldestMs / 1000)} seconds behind, with ${waiting} changes still to be told: pages are late. ${next}`;
    return "ok";
  };
}
