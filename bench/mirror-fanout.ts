import { type Subscriber, subscribe } from "../e2e/mirror-subscribers";
import { Arrivals } from "./arrivals";
import { type BareFanout, startBareFanout } from "./bare-fanout";
import { type BenchContext, settle } from "./context";
import { type BenchProduct, startBenchProduct, untilReady } from "./product";
import { percentile, summarise } from "./stats";
import { type Figure, type FigureReport, number } from "./table";

const MANY = 100;
/** Among which the many are spread that do not watch the session that changes. */
const OTHER_SESSIONS = 10;
const ROUNDS = 3;
const CHANGES_A_ROUND = 50;
const PAUSE_MS = 30;
const SETTLE_MS = 1000;

/**
 * From a call that changes a session until the official Convex client has told its subscriber of the event. The call gives a
 * title: its event goes the way of all, through the log, the outbox and the mirror, and no agent's time is in it.
 */
export async function mirrorFanout(ctx: BenchContext): Promise<FigureReport> {
  const bench = await startBenchProduct(ctx);
  try {
    const sessionId = await quietSession(bench);
    const others: string[] = [];
    for (let i = 0; i < OTHER_SESSIONS; i++) others.push(await quietSession(bench));
    const besides = Array.from({ length: MANY / OTHER_SESSIONS }, () => others).flat();
    const measure = (name: string, watching: number, besides: readonly string[]) =>
      measureSubscribers(ctx, { bench, sessionId, name, watching, besides });
    const one = await measure("1 subscriber", 1, []);
    const many = await measure(`${MANY} subscribers of one session`, MANY, []);
    const beside = await measure(`1 subscriber beside ${MANY} of other sessions`, 1, besides);
    await Promise.all([sessionId, ...others].map((id) => bench.client.sessions.remove.mutate({ id })));
    return {
      figures: [
        figure(one, "prototype: 5 / 9 ms"),
        figure(many, "prototype: 21–39 / 61–99 ms"),
        figure(beside, "prototype: 5 / 11 ms"),
      ],
      notes: [
        "all subscribers of the mirror are one person's; the prototype's figures begin at the mirror's own mutation, ours at the call of the API",
        ...[one, many, beside].map(whereItGoes),
      ],
    };
  } finally {
    await bench.close();
  }
}

/** A session whose container does not run, so that nothing but the measured changes happens. */
async function quietSession({ client }: BenchProduct): Promise<string> {
  const { id } = await client.sessions.create.mutate({ title: "Bench" });
  await untilReady(client, id);
  await client.sessions.stop.mutate({ id });
  return id;
}

interface Setting {
  bench: BenchProduct;
  /** The one that changes. */
  sessionId: string;
  name: string;
  /** Its subscribers. */
  watching: number;
  /** Of each further subscriber, the session that it watches. */
  besides: readonly string[];
}

interface Measured {
  name: string;
  /** Of each change and each subscriber. */
  oursMs: number[];
  baselineMs: number[];
  /** Until the change's own call was answered. */
  callsMs: number[];
  /** As `oursMs`, from the event's time in the log on. */
  sinceLogMs: number[];
}

async function measureSubscribers(ctx: BenchContext, setting: Setting): Promise<Measured> {
  const { name, watching, besides } = setting;
  const arrivals = new Arrivals(watching);
  const [frames, sinceLogMs]: [string[], number[]] = [[], []];
  const closeSubscribers = await openSubscribers(ctx, setting, { arrivals, frames, sinceLogMs });
  const bare = await startBareFanout(ctx, {
    watching,
    idle: besides.length,
    onFrame: (frame) => arrivals.see(frame),
  });
  const measured: Measured = { name, oursMs: [], baselineMs: [], callsMs: [], sinceLogMs: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const marks = Array.from({ length: CHANGES_A_ROUND }, (_, i) => `<${name}, ${round}.${i}>`);
    frames.length = 0;
    sinceLogMs.length = 0;
    const ours = await changeOurs(setting, arrivals, marks);
    await settle(SETTLE_MS);
    const baselineMs = await resend(bare, arrivals, { marks, frames });
    await settle(SETTLE_MS);
    ctx.progress(
      `mirror, ${name} ${round}/${ROUNDS}: p95 ${number(percentile(ours.oursMs, 0.95))} ms, bare ${number(percentile(baselineMs, 0.95))} ms`,
    );
    // The first round warms both up.
    if (round === 0) continue;
    measured.oursMs.push(...ours.oursMs);
    measured.callsMs.push(...ours.callsMs);
    measured.sinceLogMs.push(...sinceLogMs);
    measured.baselineMs.push(...baselineMs);
  }
  await bare.close();
  await closeSubscribers();
  return measured;
}

/** @param into.frames gets what the first of those who watch is sent */
async function openSubscribers(
  ctx: BenchContext,
  { bench, sessionId, watching, besides }: Setting,
  into: { arrivals: Arrivals; frames: string[]; sinceLogMs: number[] },
): Promise<() => Promise<void>> {
  const opened: Subscriber[] = [];
  const close = ctx.cleanup.add(async () => {
    await Promise.all(opened.map((subscriber) => subscriber.close()));
  });
  for (let i = 0; i < watching; i++) {
    const subscriber = await subscribe(bench, {
      sessionId,
      onEvents(rows) {
        for (const { at, data } of rows) {
          into.sinceLogMs.push(Date.now() - Date.parse(at));
          into.arrivals.see(data);
        }
      },
      onFrame: i === 0 ? (frame) => into.frames.push(frame) : undefined,
    });
    opened.push(subscriber);
  }
  for (const other of besides)
    opened.push(await subscribe(bench, { sessionId: other, onEvents: () => undefined }));
  return close;
}

async function changeOurs(
  { bench, sessionId }: Setting,
  arrivals: Arrivals,
  marks: readonly string[],
): Promise<Pick<Measured, "oursMs" | "callsMs">> {
  const [oursMs, callsMs]: [number[], number[]] = [[], []];
  for (const mark of marks) {
    const { arrivedMs, callMs } = await arrivals.of(mark, () =>
      bench.client.sessions.rename.mutate({ id: sessionId, title: mark }),
    );
    oursMs.push(...arrivedMs);
    callsMs.push(callMs);
    await settle(PAUSE_MS);
  }
  return { oursMs, callsMs };
}

/** The very frames that told of the changes, sent once more by the baseline. */
async function resend(
  bare: BareFanout,
  arrivals: Arrivals,
  { marks, frames }: { marks: readonly string[]; frames: readonly string[] },
): Promise<number[]> {
  await bare.load(marks.map((mark) => frames.find((frame) => frame.includes(mark)) ?? ""));
  const baselineMs: number[] = [];
  for (const [index, mark] of marks.entries()) {
    const { arrivedMs } = await arrivals.of(mark, () => bare.send(index));
    baselineMs.push(...arrivedMs);
    await settle(PAUSE_MS);
  }
  return baselineMs;
}

function figure({ name, oursMs, baselineMs }: Measured, aim: string): Figure {
  return {
    name: `change → ${name}, through the mirror`,
    unit: "ms",
    ours: oursMs,
    baseline: baselineMs,
    compare: "added",
    aim,
    baselineIs:
      "a bare `ws` server that sends the same frames to as many bare sockets, told to by an HTTP call",
  };
}

function whereItGoes({ name, callsMs, sinceLogMs }: Measured): string {
  const since = summarise(sinceLogMs);
  return `change → ${name}, ms: ${number(since.p50)} / ${number(since.tail)} of it from the event's time in the log on; the call itself is answered after ${number(percentile(callsMs, 0.5))}`;
}
