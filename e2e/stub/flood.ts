/** Many stub sessions that all speak at once, those who watch them, and what the server is like meanwhile. */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { followEvents, type OpenAgentClient } from "../../src/client/index";
import type { Product } from "../harness";
import { subscribe, type Subscriber } from "../mirror-subscribers";
import { readMetrics } from "../server-metrics";
import { type Flood, floodPrompt, floodText } from "./flood-script";

export interface FloodOptions extends Flood {
  /** Sessions that speak. */
  ids: readonly string[];
  /** Of them, those that somebody watches, through the mirror as a page does. */
  watched: readonly string[];
}

/** What the server says of itself, once a window. */
export interface ServerReadings {
  /** 99th percentile in the window of how late timers are, ms. */
  lagP99Ms: number[];
  rssMib: number[];
  /** Processor time that the server took, in all. */
  cpuSeconds: number;
}

export interface FloodReport {
  /** Of every delta that a watcher got: from the sidecar's making it until then, ms. */
  latenciesMs: number[];
  before: ServerReadings;
  meanwhile: ServerReadings;
  /** What a watcher missed, got twice or out of order; none when all is well. */
  faults: string[];
}

const WINDOW_MS = 3000;
const WINDOWS_BEFORE = 4;
/** After the last event was made; a server that is behind has so long to catch up. */
const CATCH_UP_MS = 120_000;
/** Of the histogram of the event loop: a timer of this length is late by nothing. */
const LAG_RESOLUTION_MS = 10;
const MIB = 1024 * 1024;

/** Runs one flood from its prompts to the end of its last turn. */
export async function runFlood(product: Product, options: FloodOptions): Promise<FloodReport> {
  const { client } = product;
  const limitMs = options.seconds * 1000 + CATCH_UP_MS;
  const watchers = await Promise.all(options.watched.map((id) => watch(product, id, options)));
  try {
    const before = watchServer(product.url);
    await pause(WINDOWS_BEFORE * WINDOW_MS);
    const idle = await before.stop();
    const meanwhile = watchServer(product.url);
    await Promise.all(
      options.ids.map((sessionId) =>
        client.prompts.send.mutate({ sessionId, text: floodPrompt(options), key: randomUUID() }),
      ),
    );
    const late = new AbortController();
    await Promise.race([
      Promise.all(watchers.map(({ ended }) => ended)),
      pause(limitMs, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    return {
      latenciesMs: watchers.flatMap(({ latenciesMs }) => latenciesMs),
      before: idle,
      meanwhile: await meanwhile.stop(),
      faults: watchers.flatMap((watcher) => watcher.faults()),
    };
  } finally {
    await Promise.all(watchers.map((watcher) => watcher.close()));
  }
}

/**
 * Reads a session's log to the end of its flood.
 * @returns what is missing, double or out of order in it
 */
export async function floodFaults(
  client: OpenAgentClient,
  sessionId: string,
  flood: Flood,
): Promise<string[]> {
  const signal = AbortSignal.timeout(CATCH_UP_MS);
  const [seqs, texts]: [number[], string[]] = [[], []];
  for await (const event of followEvents(client, { sessionId, signal })) {
    seqs.push(event.seq);
    if (event.type === "part.delta") texts.push(event.data.text);
    if (event.type === "turn.ended") break;
  }
  return faultsOf(`the log of ${sessionId}`, { seqs, texts }, { ...flood, firstSeq: 1 });
}

/** @param seen.seqs of all events, in the order in which they came @param seen.texts of the deltas among them */
function faultsOf(
  who: string,
  seen: { seqs: readonly number[]; texts: readonly string[] },
  expected: Flood & { firstSeq: number },
): string[] {
  const count = expected.perSecond * expected.seconds;
  const misplaced = seen.seqs.findIndex((seq, i) => seq !== expected.firstSeq + i);
  const wrong = seen.texts.findIndex((text, k) => text !== floodText(k));
  return [
    ...(misplaced === -1
      ? []
      : [`${who}: ${seen.seqs[misplaced]} came as event ${expected.firstSeq + misplaced}`]),
    ...(wrong === -1 ? [] : [`${who}: "${seen.texts[wrong]}" came as delta ${wrong}`]),
    ...(seen.texts.length === count ? [] : [`${who}: ${seen.texts.length} deltas of ${count}`]),
  ];
}

interface Watcher extends Subscriber {
  latenciesMs: number[];
  /** The flood's turn has ended. */
  ended: Promise<void>;
  faults(): string[];
}

async function watch(product: Product, sessionId: string, flood: Flood): Promise<Watcher> {
  const [latenciesMs, seqs, texts]: [number[], number[], string[]] = [[], [], []];
  let end = () => undefined as void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const { lastSeq } = await product.client.sessions.get.query({ id: sessionId });
  const subscriber = await subscribe(product, {
    sessionId,
    onEvents(rows) {
      const now = Date.now();
      for (const { seq, at, type, data } of rows) {
        seqs.push(seq);
        if (type === "part.delta") {
          latenciesMs.push(now - Date.parse(at));
          texts.push((JSON.parse(data) as { text: string }).text);
        }
        if (type === "turn.ended") end();
      }
    },
  });
  return {
    latenciesMs,
    ended,
    close: () => subscriber.close(),
    faults: () => faultsOf(`who watches ${sessionId}`, { seqs, texts }, { ...flood, firstSeq: lastSeq + 1 }),
  };
}

/** Reads the server's metrics once a window until it is stopped. */
function watchServer(url: string): { stop(): Promise<ServerReadings> } {
  const readings: ServerReadings = { lagP99Ms: [], rssMib: [], cpuSeconds: 0 };
  const stopping = new AbortController();
  const watching = (async () => {
    // The first reading begins the first window.
    const first = await readServer(url);
    for (;;) {
      await pause(WINDOW_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      const now = await readServer(url);
      readings.lagP99Ms.push(now.lagP99Ms);
      readings.rssMib.push(now.rssMib);
      readings.cpuSeconds = now.cpuSeconds - first.cpuSeconds;
    }
  })();
  // Told by whoever stops it.
  watching.catch(() => undefined);
  return {
    async stop() {
      stopping.abort();
      await watching;
      return readings;
    },
  };
}

async function readServer(url: string) {
  const metrics = await readMetrics(url);
  const value = (name: string): number => {
    const found = metrics?.get(name);
    if (found === undefined) throw new Error(`The server does not tell ${name}.`);
    return found;
  };
  return {
    lagP99Ms: Math.max(0, value("nodejs_eventloop_lag_p99_seconds") * 1000 - LAG_RESOLUTION_MS),
    rssMib: value("process_resident_memory_bytes") / MIB,
    cpuSeconds: value("process_cpu_seconds_total"),
  };
}
