import { mkdir, rm } from "node:fs/promises";
import type { ZodError } from "zod";
import { eventData, type SidecarEventBody, type SpoolPosition } from "../contract";
import { describeError, type Log } from "../log";
import { SidecarError } from "../errors";
import { fitEvent } from "./cut";
import { OpenState } from "./open-state";
import { EpochFile } from "./epoch-file";
import { unfinishedFile } from "./spool-compaction";
import {
  dropTornLine,
  epochFile,
  headOfFile,
  isDelta,
  lineOf,
  listEpochs,
  parseHead,
  parseLine,
  readLines,
  type SpoolLine,
  type TimedBody,
} from "./spool-file";
import { batches, SpoolTail, type SpoolBatch } from "./spool-tail";

/** Between two syncs to disk, unless a turn ends. */
const SYNC_EVERY_MS = 200;
const RETRY_WRITE_MS = 500;
/** Of events that wait for a disk that takes none. */
const OVERFULL_UNITS = 16 * 1024 * 1024;
/** Of acknowledged events at the start of the file: then they are dropped from it, if they are half of it. */
const COMPACT_ABOVE_BYTES = 8 * 1024 * 1024;
/** Of all files: what a server that is away for long finds of a turn that never ends. */
const MAX_BYTES = 256 * 1024 * 1024;

interface Pending {
  line: SpoolLine;
  atMs: number;
  body: SidecarEventBody;
}

/** Must be on disk before anybody hears of it: what follows cannot be taken back. */
function isSynced({ body }: Pending): boolean {
  return body.type === "turn.started" || body.type === "turn.ended";
}

export interface SpoolOptions {
  dir: string;
  log: Log;
  now?: () => number;
  /** What all files may hold before {@link Spool.overfull}. */
  maxBytes?: number;
  /** So much of a file the server must hold before it is dropped from it. */
  compactAboveBytes?: number;
}

/**
 * The durable list of events: one append-only file of JSON lines an epoch. An event gets its number when it is appended, and readers get
 * it after it is in the file; start and end of a turn only after they are on disk. {@link Spool.close} by whoever opened it.
 */
export class Spool {
  readonly #dir: string;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #maxBytes: number;
  readonly #compactAboveBytes: number;
  /** What older epochs left open, and this one has open. */
  readonly state = new OpenState();
  /** As {@link state}, of what is in the files. */
  readonly #written = new OpenState();
  /** Turns by prompt, of every epoch that is still held. */
  readonly #turns = new Map<string, string>();
  #epochs: number[] = [];
  #epoch = 0;
  #file: EpochFile | null = null;
  /** Acknowledged bytes at the start of the file that are to be dropped from it. */
  #dropBytes = 0;
  /** Of the files of older epochs. */
  readonly #olderBytes = new Map<number, number>();
  #lastN = 0;
  #writtenN = 0;
  #queue: Pending[] = [];
  /** Of the queue and of what is being written. */
  #queuedUnits = 0;
  #writing: Promise<void> | null = null;
  readonly #tail = new SpoolTail();
  #lastSyncMs = 0;
  #syncTimer: NodeJS.Timeout | null = null;
  #problem: string | null = null;
  #closed = false;
  readonly #waiters = new Set<() => void>();

  private constructor(options: SpoolOptions) {
    this.#dir = options.dir;
    this.#log = options.log;
    this.#now = options.now ?? Date.now;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
    this.#compactAboveBytes = options.compactAboveBytes ?? COMPACT_ABOVE_BYTES;
  }

  /** Reads what is there: torn last lines are cut, and the events tell what was open when the last process ended. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    await mkdir(options.dir, { recursive: true, mode: 0o700 });
    spool.#epochs = await listEpochs(options.dir);
    for (const epoch of spool.#epochs) {
      const path = epochFile(options.dir, epoch);
      await rm(unfinishedFile(path), { force: true });
      spool.#olderBytes.set(epoch, await dropTornLine(path));
      for await (const lines of readLines(path)) for (const line of lines) spool.#recall(line);
    }
    return spool;
  }

  /** Why events cannot be written now; null when they can. */
  get problem(): string | null {
    return this.#problem;
  }

  /** No more should come: too much waits for a disk that takes nothing, or on the disk for a server that takes nothing. */
  get overfull(): boolean {
    return this.isLeft || (this.#problem !== null && this.#queuedUnits > OVERFULL_UNITS);
  }

  /** The server has been away for so long that the files are as large as they may be. */
  get isLeft(): boolean {
    let bytes = this.#file?.bytes ?? 0;
    for (const older of this.#olderBytes.values()) bytes += older;
    return bytes > this.#maxBytes;
  }

  /** The turn that a prompt was given, in this epoch or an older one that is still held. */
  turnOf(promptId: string): string | null {
    return this.#turns.get(promptId) ?? null;
  }

  /**
   * Opens a new epoch and drops the older ones that `held` covers.
   * @throws SidecarError `bad_request` when the epoch is not newer than all that are here.
   */
  async openEpoch(epoch: number, held: SpoolPosition | null): Promise<void> {
    const newest = this.#epochs.at(-1) ?? 0;
    if (epoch <= newest) {
      throw new SidecarError(
        "bad_request",
        "The epoch was used before; register with a newer one.",
        `epoch ${epoch}, newest here ${newest}`,
      );
    }
    this.#file = await EpochFile.create(this.#dir, epoch);
    this.#epochs.push(epoch);
    this.#epoch = epoch;
    if (held) await this.ack(held);
  }

  /** @throws SidecarError `bad_request` for a position that this spool has not reached: reader and spool do not belong together. */
  assertReached(position: SpoolPosition): void {
    if (position.epoch < this.#epoch || (position.epoch === this.#epoch && position.n <= this.#lastN)) return;
    const here = `asked for ${position.epoch}/${position.n}, here is ${this.#epoch}/${this.#lastN}`;
    throw new SidecarError(
      "bad_request",
      "The position lies after the last event; register this instance again.",
      here,
    );
  }

  /**
   * Numbers the events and writes them soon, in order. Never throws: a full disk is told by {@link problem} and tried again, and an
   * event that the contract does not know is dropped: the server would end the session for it, at every resume again.
   */
  append(bodies: readonly SidecarEventBody[]): void {
    const nowMs = this.#now();
    const at = new Date(nowMs).toISOString();
    for (const body of bodies) {
      const fitted = fitEvent(body);
      if (!fitted) {
        this.#log.error("event too large, dropped", { type: body.type });
        continue;
      }
      // 0.3 to 0.7 µs an event.
      const checked = eventData[fitted.type].safeParse(fitted.data);
      if (!checked.success) {
        this.#log.error("event out of the contract, dropped", {
          type: body.type,
          error: whereOf(checked.error),
        });
        continue;
      }
      this.#lastN += 1;
      this.#remember(fitted, nowMs);
      const line = { n: this.#lastN, line: lineOf({ epoch: this.#epoch, n: this.#lastN, at, body: fitted }) };
      this.#queue.push({ line, atMs: nowMs, body: fitted });
      this.#queuedUnits += line.line.length;
    }
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything appended so far is in the file, and the last turn's start or end is on disk. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  /**
   * Everything after `after`, then what comes, until the signal. Several readers may read at once.
   * @param idleMs yields null when nothing came for so long, so that the caller can show that it is alive
   */
  async *readAfter(
    after: SpoolPosition,
    signal: AbortSignal,
    idleMs: number,
  ): AsyncGenerator<SpoolBatch | null> {
    let position = after;
    while (!signal.aborted && !this.#closed) {
      position = this.#nextEpoch(position);
      const isCurrent = position.epoch === this.#epoch;
      const upTo = isCurrent ? this.#writtenN : Infinity;
      yield* this.#readEpoch(position, upTo, signal);
      // Up to here everything was handed out, or dropped because the server holds it.
      if (!isCurrent) position = { epoch: position.epoch + 1, n: 0 };
      else position = { epoch: position.epoch, n: Math.max(position.n, upTo) };
      const caughtUp = position.epoch === this.#epoch && position.n >= this.#writtenN;
      if (caughtUp && !(await this.#somethingNew(signal, idleMs))) yield null;
    }
  }

  /** Drops what the server holds for good: older epochs wholly before `position`, and soon the beginning of a large file. */
  async ack(position: SpoolPosition): Promise<void> {
    const done: number[] = [];
    for (const epoch of this.#epochs) {
      if (epoch === this.#epoch) continue;
      if (
        epoch < position.epoch ||
        (epoch === position.epoch && position.n >= (await this.#lastNumberOf(epoch)))
      )
        done.push(epoch);
    }
    this.#epochs = this.#epochs.filter((epoch) => !done.includes(epoch));
    for (const epoch of done) {
      await rm(epochFile(this.#dir, epoch), { force: true });
      this.#olderBytes.delete(epoch);
    }
    if (position.epoch === this.#epoch) this.#dropUpTo(position.n);
  }

  /** Writes and syncs what is left; readers end. */
  async close(): Promise<void> {
    await this.flush();
    this.#closed = true;
    this.#wake();
    if (this.#syncTimer) clearTimeout(this.#syncTimer);
    this.#syncTimer = null;
    await this.#sync();
    await this.#file?.close();
    this.#file = null;
  }

  #recall({ n, line }: SpoolLine): void {
    if (n === 0) for (const opener of parseHead(line)) this.#recallBody(opener);
    else if (!isDelta(line)) {
      const parsed = parseLine(line);
      if (parsed) this.#recallBody(parsed);
    }
  }

  #recallBody({ body, atMs }: TimedBody): void {
    this.state.apply(body, atMs);
    this.#written.apply(body, atMs);
    if (body.type === "turn.started") this.#turns.set(body.data.promptId, body.data.turnId);
  }

  #remember(body: SidecarEventBody, nowMs: number): void {
    this.state.apply(body, nowMs);
    if (body.type === "turn.started") this.#turns.set(body.data.promptId, body.data.turnId);
  }

  async #writeAll(): Promise<void> {
    // Lets everything appended in this tick go out in one write.
    await Promise.resolve();
    while (this.#queue.length > 0 || this.#dropBytes > 0) {
      await this.#compact();
      const batch = this.#queue;
      const last = batch.at(-1);
      if (!last) continue;
      this.#queue = [];
      await this.#writeBatch(batch);
      this.#queuedUnits -= batch.reduce((units, { line }) => units + line.line.length, 0);
      this.#writtenN = last.line.n;
      this.#tail.add(batch.map(({ line }) => line));
      this.#wake();
    }
    // In the same step as the last look at the queue: an event appended later must start a new run.
    this.#writing = null;
  }

  async #writeBatch(batch: Pending[]): Promise<void> {
    const buffer = Buffer.from(batch.map(({ line }) => `${line.line}\n`).join(""));
    for (;;) {
      try {
        if (!this.#file) throw new Error("no epoch is open");
        const sync = batch.some(isSynced);
        await this.#file.append(buffer, { n: batch.at(-1)?.line.n ?? 0, sync });
        if (!sync) this.#syncSoon();
        for (const { body, atMs } of batch) this.#written.apply(body, atMs);
        this.#problem = null;
        return;
      } catch (error) {
        // A half-written batch is overwritten from the same offset by the next try.
        if (this.#closed) return;
        this.#problem = describeError(error);
        this.#log.error("spool write failed, trying again", { error: this.#problem });
        await new Promise((resolve) => setTimeout(resolve, RETRY_WRITE_MS));
        await this.#compact();
      }
    }
  }

  #dropUpTo(n: number): void {
    const held = this.#file?.bytesUpTo(n) ?? 0;
    const pays = held > this.#compactAboveBytes && held * 2 >= (this.#file?.bytes ?? 0);
    // A full disk wants every byte back.
    if (!pays && (this.#problem === null || held === 0)) return;
    this.#dropBytes = held;
    this.#writing ??= this.#writeAll();
  }

  /** Everything that goes is held by the server, so nothing is lost; numbers go on. Runs between two writes. */
  async #compact(): Promise<void> {
    const from = this.#dropBytes;
    this.#dropBytes = 0;
    if (from === 0) return;
    const open = this.#written.openers(this.#now());
    const head = open.length > 0 ? `${headOfFile(this.#epoch, open)}\n` : "";
    try {
      await this.#file?.dropBeginning(from, head);
    } catch (error) {
      // The old file stands; the next acknowledgement tries again.
      this.#log.error("spool could not be compacted", { error: describeError(error) });
    }
  }

  #syncSoon(): void {
    const wait = Math.max(0, this.#lastSyncMs + SYNC_EVERY_MS - this.#now());
    this.#syncTimer ??= setTimeout(
      () => {
        this.#syncTimer = null;
        void this.#sync();
      },
      Math.min(wait, SYNC_EVERY_MS),
    );
  }

  async #sync(): Promise<void> {
    this.#lastSyncMs = this.#now();
    try {
      await this.#file?.sync();
    } catch (error) {
      this.#log.error("spool sync failed", { error: describeError(error) });
    }
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #somethingNew(signal: AbortSignal, idleMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (news: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onEnd);
        this.#waiters.delete(onEnd);
        resolve(news);
      };
      const onEnd = () => finish(true);
      const timer = setTimeout(() => finish(false), idleMs);
      signal.addEventListener("abort", onEnd);
      this.#waiters.add(onEnd);
      if (signal.aborted || this.#closed) onEnd();
    });
  }

  /** Where reading goes on: the same epoch, or the next one that is still here. */
  #nextEpoch(position: SpoolPosition): SpoolPosition {
    if (this.#epochs.includes(position.epoch)) return position;
    return { epoch: this.#epochs.find((epoch) => epoch > position.epoch) ?? this.#epoch, n: 0 };
  }

  async *#readEpoch(from: SpoolPosition, upTo: number, signal: AbortSignal): AsyncGenerator<SpoolBatch> {
    if (from.n >= upTo) return;
    const fromTail = from.epoch === this.#epoch ? this.#tail.after(from.n, upTo) : null;
    if (fromTail) {
      yield* batches(from.epoch, fromTail);
      return;
    }
    for await (const lines of readLines(epochFile(this.#dir, from.epoch))) {
      if (signal.aborted) return;
      yield* batches(
        from.epoch,
        lines.filter((line) => line.n > from.n && line.n <= upTo),
      );
    }
  }

  async #lastNumberOf(epoch: number): Promise<number> {
    let last = 0;
    for await (const lines of readLines(epochFile(this.#dir, epoch))) last = lines.at(-1)?.n ?? last;
    return last;
  }
}

/** Which fields do not fit and why; not what stands in them. */
function whereOf(error: ZodError): string {
  return error.issues.map(({ path, code }) => `${path.join(".")}: ${code}`).join(", ");
}
