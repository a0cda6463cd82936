/** The engine's event stream, watched for ever: one connection at a time, made again when it ends. */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import { z } from "zod";
import { DriverError, type Driver, type InstanceEvent } from "../driver";
import { toDriverError } from "./engine-error";
import { LABEL, labelFilter } from "./names";

const MIN_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;
const WHAT = "watch the sessions' containers";

const engineEvent = z.object({
  Action: z.string(),
  Actor: z.object({ Attributes: z.record(z.string(), z.string()) }),
});

/** One line of the stream; null for events that are not about an instance of ours. */
export function instanceEvent(line: string): InstanceEvent | null {
  const { Action, Actor } = engineEvent.parse(JSON.parse(line));
  const instanceId = Actor.Attributes[LABEL.instance];
  const sessionId = Actor.Attributes[LABEL.session];
  if (instanceId === undefined || sessionId === undefined) return null;
  if (Action === "die") return { instanceId, sessionId, kind: "died" };
  if (Action === "oom") return { instanceId, sessionId, kind: "oom" };
  if (Action === "kill") return { instanceId, sessionId, kind: "killed" };
  return null;
}

export interface WatchOptions {
  docker: Docker;
  prefix: string;
  handlers: Parameters<Driver["watch"]>[0];
  signal: AbortSignal;
}

/**
 * Returns when the signal aborts, never before, and never throws.
 * Each connection asks for what happened since the last one ended, as far as the engine remembers; `onResync` is for the rest.
 */
export async function watchEngine(options: WatchOptions): Promise<void> {
  const { handlers, signal } = options;
  let sinceMs = Date.now();
  let delayMs = MIN_DELAY_MS;
  while (!signal.aborted) {
    let connected = false;
    const error = await readEvents({ ...options, sinceMs }, () => {
      connected = true;
      delayMs = MIN_DELAY_MS;
      handlers.onResync();
    }).then(streamEnded, (cause: unknown) => toDriverError(cause, WHAT));
    if (isAborted(signal)) return;
    if (connected) sinceMs = Date.now();
    handlers.onError(error);
    await delay(delayMs, undefined, { signal }).catch(() => {
      // Aborted while waiting: the loop's condition ends it.
    });
    delayMs = Math.min(delayMs * 2, MAX_DELAY_MS);
  }
}

/** Behind a function, as the compiler takes the loop's own check to hold across an await. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function streamEnded(): DriverError {
  return new DriverError(
    "engine_unreachable",
    "Docker closed the stream of events; it is connected again as soon as the engine answers. When it stays away, start it with `systemctl start docker`.",
    "event stream ended",
  );
}

async function readEvents(
  options: WatchOptions & { sinceMs: number },
  onConnected: () => void,
): Promise<void> {
  const stream = await options.docker.getEvents({
    filters: {
      type: ["container"],
      event: ["die", "oom", "kill"],
      label: labelFilter({ [LABEL.installation]: options.prefix }),
    },
    since: options.sinceMs / 1000,
    abortSignal: options.signal,
  });
  try {
    const failed = new Promise<never>((_resolve, reject) => stream.on("error", reject));
    onConnected();
    await Promise.race([failed, readLines(stream, options.handlers.onEvent)]);
  } finally {
    if (stream instanceof Readable) stream.destroy();
  }
}

async function readLines(
  stream: NodeJS.ReadableStream,
  onEvent: (event: InstanceEvent) => void,
): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    if (line.trim() === "") continue;
    const event = instanceEvent(line);
    if (event !== null) onEvent(event);
  }
}
