import type { WebSocket } from "ws";

/**
 * What a viewer may say that its container has not taken: as much as the sidecar keeps for a program that does not read.
 * People type little; this is a paste into a container that stands still.
 */
const MAX_UNTAKEN_BYTES = 1024 * 1024;
/** What a frame weighs beside its text, at least. */
const FRAME_BYTES = 64;

/** The way of a viewer's commands into the container. */
export interface Commands {
  /**
   * Keeps what comes before the way is open, in order.
   * @returns false when the container takes too little of what is said: nothing of this one went, and a later one would
   *   come behind a gap, so the connection is to end
   */
  send(command: unknown): boolean;
}

export function createCommands(upstream: WebSocket): Commands {
  let early: string[] | null = [];
  let earlyBytes = 0;
  upstream.once("open", () => {
    for (const frame of early ?? []) upstream.send(frame);
    early = null;
  });
  return {
    send(command) {
      const frame = JSON.stringify(command);
      const bytes = Buffer.byteLength(frame) + FRAME_BYTES;
      if (earlyBytes + upstream.bufferedAmount + bytes > MAX_UNTAKEN_BYTES) return false;
      if (early && upstream.readyState === upstream.CONNECTING) {
        early.push(frame);
        earlyBytes += bytes;
      } else if (upstream.readyState === upstream.OPEN) {
        earlyBytes = 0;
        upstream.send(frame);
      }
      return true;
    },
  };
}
