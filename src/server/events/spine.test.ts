import { mkdtempSync, rmSync } from "node:fs";
import { readFile, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import {
  parseEventBody,
  SIDECAR_EVENT_TYPES,
  type SessionEvent,
  type SidecarEventBody,
  type SpooledEvent,
  spooledEvent,
  type SpoolPosition,
} from "../../../sidecar/src/contract";
import { Spool } from "../../../sidecar/src/events/spool";
import { createLog } from "../../../sidecar/src/log";
import { randomEvents, randomFrom } from "../../timeline/testing";
import { timelineOf } from "../../timeline/timeline";
import { timelineWindow } from "../../timeline/window";
import { sessions } from "../db/schema";
import { testDatabase, type TestDatabase } from "../db/testing";
import { createTimelines } from "../sessions/timelines";
import { createEventLog, type EventLog } from "./event-log";
import { ingest, IngestError } from "./ingest";

const SEEDS = 40;
const STEPS = 40;
const madeBySidecar = new Set<string>(SIDECAR_EVENT_TYPES);

/** A sidecar's spool, a server's log, and between them a link on which everything goes wrong that can. */
class Spine implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), "oa-spine-"));
  readonly #seed: number;
  readonly #random: (below: number) => number;
  readonly t: TestDatabase = testDatabase();
  log: EventLog = createEventLog(this.t);
  #spool: Spool | null = null;
  #appended = 0;
  /** What must stand in the log, in this order: all that was made and neither lost with the disk before anybody had it. */
  truth: { epoch: number; n: number; body: string }[] = [];
  /** How often each thing happened, so that a test that does nothing is seen. */
  readonly happened: Record<string, number> = {};

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = randomFrom(seed);
  }

  async run(steps: number): Promise<void> {
    await this.#startSidecar();
    const acts: [string, () => Promise<void>][] = [
      ["made", () => this.#make()],
      ["made", () => this.#make()],
      ["pulled", () => this.#pull()],
      ["pulled", () => this.#pull()],
      ["acknowledged", () => this.#acknowledge()],
      ["server made", async () => this.#makeOnServer()],
      ["server restarted", async () => void (this.log = createEventLog(this.t))],
      ["sidecar restarted", () => this.#restartSidecar()],
      ["power lost", () => this.#losePower()],
    ];
    for (let step = 0; step < steps; step += 1) {
      const [what, act] = acts[this.#random(acts.length)] ?? [];
      await act?.();
      if (what) this.happened[what] = (this.happened[what] ?? 0) + 1;
    }
    while ((await this.#read(1000)).length > 0) await this.#pull();
  }

  async [Symbol.asyncDispose]() {
    await this.#spool?.close();
    this.t[Symbol.dispose]();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #held(): SpoolPosition & { opened: number } {
    const row = this.t.db.select().from(sessions).where(eq(sessions.id, this.t.sessionId)).get();
    if (!row) throw new Error("no session");
    return { epoch: row.heldEpoch, n: row.heldN, opened: row.epoch };
  }

  /** As a registration does: the server opens the epoch first, then tells what it holds. */
  async #startSidecar(): Promise<void> {
    const { epoch, n, opened } = this.#held;
    const next = opened + 1 + this.#random(2);
    this.t.db.update(sessions).set({ epoch: next }).where(eq(sessions.id, this.t.sessionId)).run();
    const options = { dir: this.#dir, log: createLog(() => undefined), compactAboveBytes: 2000 };
    this.#spool = await Spool.open(options);
    await this.#spool.openEpoch(next, epoch === 0 ? null : { epoch, n });
    this.#appended = 0;
  }

  async #restartSidecar(): Promise<void> {
    await this.#spool?.close();
    await this.#startSidecar();
  }

  /** The end of the file goes. What the server holds of it stays made; the rest never was. */
  async #losePower(): Promise<void> {
    await this.#spool?.close();
    const { opened, epoch: heldEpoch, n: heldN } = this.#held;
    const path = join(this.#dir, `${opened}.ndjson`);
    const { size } = await stat(path);
    await truncate(path, size - this.#random(Math.min(size, 3000) + 1));
    const left = (await readFile(path, "utf8")).split("\n").slice(0, -1).flatMap(numberIn);
    const last = Math.max(left.at(-1) ?? 0, heldEpoch === opened ? heldN : 0);
    this.truth = this.truth.filter(({ epoch, n }) => epoch < opened || n <= last);
    await this.#startSidecar();
  }

  async #make(): Promise<void> {
    const bodies = randomEvents(this.#seed * 1000 + this.#random(1000), 1 + this.#random(40)).flatMap(
      ({ type, data }) => (madeBySidecar.has(type) ? [{ type, data } as SidecarEventBody] : []),
    );
    if (this.#random(6) === 0) {
      const text = "x".repeat(300_000);
      bodies.push({
        type: "tool.output",
        data: { messageId: "msg_0", partId: "prt_0", suffix: text.slice(this.#random(200_000) + 100_000) },
      });
    }
    const { opened } = this.#held;
    this.#spool?.append(bodies);
    for (const { type, data } of bodies) {
      this.#appended += 1;
      this.truth.push({ epoch: opened, n: this.#appended, body: bodyText(type, data) });
    }
    await this.#spool?.flush();
  }

  #makeOnServer(): void {
    this.log.transaction((tx) =>
      tx.append(this.t.sessionId, { type: "session.updated", data: { title: "T" } }),
    );
  }

  /** Some batches of what the spool has after what the log holds. */
  async #read(most: number): Promise<SpooledEvent[][]> {
    const { epoch, n } = this.#held;
    const batches: SpooledEvent[][] = [];
    const stop = new AbortController();
    const after = { epoch: Math.max(epoch, 1), n };
    for await (const batch of this.#spool?.readAfter(after, stop.signal, 1) ?? []) {
      if (batch === null) break;
      batches.push(batch.lines.map((line) => spooledEvent.parse(JSON.parse(line))));
      if (batches.length >= most) break;
    }
    stop.abort();
    return batches;
  }

  async #pull(): Promise<void> {
    const batches = await this.#read(1 + this.#random(4));
    const first = batches.at(0);
    for (const batch of batches) {
      const cut = this.#random(3) === 0 ? this.#random(batch.length + 1) : batch.length;
      this.#take(batch.slice(0, cut));
      if (cut < batch.length) return;
      if (this.#random(3) === 0) this.#take(batch);
      if (first && this.#random(4) === 0) this.#take(first.slice(this.#random(first.length)));
    }
    this.#refuseOutOfOrder(batches.flat());
  }

  #take(batch: readonly SpooledEvent[]): void {
    ingest(this.log, this.t.sessionId, batch, () => undefined);
  }

  #refuseOutOfOrder(events: readonly SpooledEvent[]): void {
    const last = events.at(-1);
    if (!last) return;
    const before = this.#held;
    const refused = (batch: SpooledEvent[]) => {
      expect(() => this.#take(batch)).toThrow(IngestError);
      expect(this.#held).toEqual(before);
    };
    refused([{ ...last, n: last.n + 2 }]);
    refused([last, { ...last, at: "2001-01-01T00:00:00.000Z" }]);
    refused([{ ...last, epoch: before.opened + 1, n: 1 }]);
  }

  /** Of what is held now, or was held a while ago; or it gets lost. */
  async #acknowledge(): Promise<void> {
    const { epoch, n } = this.#held;
    if (epoch === 0 || this.#random(4) === 0) return;
    await this.#spool?.ack({ epoch, n: this.#random(3) === 0 ? this.#random(n + 1) : n });
    await this.#spool?.flush();
  }

  wholeLog(): SessionEvent[] {
    const events: SessionEvent[] = [];
    for (let batch = this.log.read(this.t.sessionId, 0); batch.length > 0;) {
      events.push(...batch);
      batch = this.log.read(this.t.sessionId, events.at(-1)?.seq ?? 0);
    }
    return events;
  }

  /** As whoever resumes gets it: replayed after `seq`, up to `lastSeq`. */
  async tail(seq: number, lastSeq: number): Promise<SessionEvent[]> {
    const events: SessionEvent[] = [];
    if (seq >= lastSeq) return events;
    for await (const batch of this.log.follow(this.t.sessionId, seq, new AbortController().signal)) {
      events.push(...batch);
      if ((batch.at(-1)?.seq ?? 0) >= lastSeq) break;
    }
    return events;
  }
}

/** Key order and unknown fields as the contract leaves them. */
function bodyText(type: SidecarEventBody["type"], data: unknown): string {
  return `${type} ${JSON.stringify(parseEventBody(type, data).data)}`;
}

function numberIn(line: string): number[] {
  const n = /^\{"epoch":\d+,"n":(\d+)/.exec(line)?.[1];
  return n === undefined ? [] : [Number(n)];
}

describe("from the spool to whoever watches", () => {
  it(
    "nothing is lost, told twice or out of order, whatever breaks; snapshot and tail equal a replay from 1",
    { timeout: 240_000 },
    async () => {
      const happened: Record<string, number> = {};
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        await using spine = new Spine(seed);
        await spine.run(STEPS);
        const events = spine.wholeLog();
        expect(
          events.map(({ seq }) => seq),
          `seed ${seed}`,
        ).toEqual(events.map((_, index) => index + 1));
        const fromSidecar = events.flatMap(({ type, data }) =>
          madeBySidecar.has(type) ? [`${type} ${JSON.stringify(data)}`] : [],
        );
        expect(fromSidecar, `seed ${seed}`).toEqual(spine.truth.map(({ body }) => body));
        await snapshotsAgree(spine, events, seed);
        for (const [what, count] of Object.entries(spine.happened))
          happened[what] = (happened[what] ?? 0) + count;
      }
      expect(Object.keys(happened)).toHaveLength(7);
      expect(Math.min(...Object.values(happened))).toBeGreaterThan(SEEDS);
    },
  );
});

/** @param events the whole log */
async function snapshotsAgree(spine: Spine, events: readonly SessionEvent[], seed: number): Promise<void> {
  const random = randomFrom(seed * 77);
  const all = (timeline: ReturnType<typeof timelineOf>) =>
    timelineWindow(timeline, { limit: Number.MAX_SAFE_INTEGER });
  const whole = all(timelineOf(events));
  const kept = createTimelines(spine.log);
  expect(all(await kept.of(spine.t.sessionId)), `seed ${seed}`).toEqual(whole);
  for (let round = 0; round < 5; round += 1) {
    const cut = random(events.length + 1);
    const tail = await spine.tail(Math.max(0, cut - random(3)), events.length);
    const resumed = timelineOf(tail, timelineOf(events.slice(0, cut)));
    expect(all(resumed), `seed ${seed}, cut ${cut}`).toEqual(whole);
  }
}
