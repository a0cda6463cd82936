import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SidecarEventBody, SpoolPosition } from "../contract";
import { createLog } from "../log";
import { eventStreamLine } from "../protocol";
import { Spool } from "./spool";

const log = createLog(() => {});

export const started = (turnId: string, promptId: string): SidecarEventBody => ({
  type: "turn.started",
  data: { turnId, promptId },
});
export const ended = (turnId: string, promptId: string): SidecarEventBody => ({
  type: "turn.ended",
  data: { turnId, promptId, outcome: "done" },
});
export const part = { messageId: "m", partId: "p" };
export const delta = (text: string): SidecarEventBody => ({
  type: "part.delta",
  data: { ...part, text },
});

/** A directory for a test's spools; all that it opened is closed with it. */
export interface SpoolDir {
  readonly dir: string;
  open(options?: Partial<Parameters<typeof Spool.open>[0]>): Promise<Spool>;
  remove(): Promise<void>;
}

export async function spoolDir(): Promise<SpoolDir> {
  const dir = await mkdtemp(join(tmpdir(), "openagent-spool-"));
  const opened: Spool[] = [];
  return {
    dir,
    async open(options) {
      const spool = await Spool.open({ dir, log, ...options });
      opened.push(spool);
      return spool;
    },
    async remove() {
      for (const spool of opened) await spool.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Reads until `count` events have come; the heartbeat is far away. */
export async function readSpool(spool: Spool, after: SpoolPosition, count: number) {
  const abort = new AbortController();
  const events: { epoch: number; n: number; type: string; data: unknown }[] = [];
  for await (const batch of spool.readAfter(after, abort.signal, 60_000)) {
    if (!batch) break;
    const line = eventStreamLine.parse(JSON.parse(`{"kind":"events","events":[${batch.lines.join(",")}]}`));
    if (line.kind === "events") events.push(...line.events);
    if (events.length >= count) break;
  }
  abort.abort();
  return events;
}

/** Appends so many of text, each on disk before the next. */
export async function megabytes(spool: Spool, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    spool.append(Array.from({ length: 32 }, () => delta("x".repeat(32 * 1024))));
    await spool.flush();
  }
}
