import { statfsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import type { ZodError } from "zod";
import { eventData, type EventBody, type SidecarEventBody, type SpoolPosition } from "../contract";
import type { Log } from "../log";
import { SidecarError } from "../errors";
import { fitEvent } from "./cut";
import { News } from "./news";
import { OpenState } from "./open-state";
import { EpochFile } from "./epoch-file";
import { EpochWriter } from "./epoch-writer";
import { unfinishedFile } from "./spool-compaction";
import {
  dropTornLine,
  epochFile,
  listEpochs,
  parseHead,
  parseLine,
  readLines,
  type SpoolLine,
  type TimedBody,
} from "./spool-file";
import { UnreadDeltas } from "./unread-deltas";
import { batches, SpoolTail, type SpoolBatch } from "./spool-tail";

/** Of events that wait for a disk that takes none. */
const OVERFULL_UNITS = 16 * 1024 * 1024;
/** Of all files: what a server that is away for long finds of a turn that never ends. */
const MAX_BYTES = 256 * 1024 * 1024;

export interface SpoolOptions {
  dir: string;
  log: Log;
  now?: () => number;
  /** What all files may hold before {@link Spool.overfull}. */
  maxBytes?: number;
  /** So much of a file the server must hold before it is dropped from it. */
  compactAboveBytes?: number;
}

/** A database that writes needs so much, for a page or two and its log. */
const FULL_BYTES = 256 * 1024;

/**
 * The durable list of events: one append-only file of JSON lines an epoch. An event gets its number when it is appended, and readers get
 * it after it is in the file; start and end of a turn only after they are on disk. {@link Spool.close} by whoever opened it.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #now: () => number;
  /** What older epochs left open, and this one has open. */
  readonly state = new OpenState();
  /** As {@link state}, of what is in the files. */
  readonly #written = new OpenState();
  /**
   * Turns by prompt: every one that began in this process, and those whose start an older one left in a file. Of the rest
   * the server holds the start, and hands over no prompt of which it does.
   */
  readonly #turns = new Map<string, string>();
  #epochs: number[] = [];
  #epoch = 0;
  #writer: EpochWriter | null = null;
  /** Of the files of older epochs. */
  readonly #olderBytes = new Map<number, number>();
  readonly #tail = new SpoolTail();
  readonly #news = new News();

  private constructor(options: SpoolOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Reads what is there: torn last lines are cut, and the events tell what was open when the last process ended. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    await mkdir(options.dir, { recursive: true, mode: 0o700 });
    spool.#epochs = await listEpochs(options.dir);
    const deltas = new UnreadDeltas();
    for (const epoch of spool.#epochs) {
      const path = epochFile(options.dir, epoch);
      await rm(unfinishedFile(path), { force: true });
      spool.#olderBytes.set(epoch, await dropTornLine(path));
      for await (const lines of readLines(path)) for (const line of lines) spool.#recall(line, deltas);
    }
    for (const delta of deltas.read()) spool.#recallWritten(delta);
    return spool;
  }

  /** Why events cannot be written now; null when they can. */
  get problem(): string | null {
    return this.#writer?.problem ?? null;
  }

  /**
   * Why whoever writes beside it may find no room: {@link problem}, or that the disk is full, which small writes of its own need
   * not have met yet. null: there is room.
   */
  get noRoom(): string | null {
    if (this.problem !== null) return this.problem;
    const { bavail, bsize } = statfsSync(this.#options.dir);
    return bavail * bsize < FULL_BYTES ? `${bavail * bsize} bytes are free` : null;
  }

  /** No more should come: too much waits for a disk that takes nothing, or on the disk for a server that takes nothing. */
  get overfull(): boolean {
    return this.isLeft || (this.problem !== null && (this.#writer?.queuedUnits ?? 0) > OVERFULL_UNITS);
  }

  /** The server has been away for so long that the files are as large as they may be. */
  get isLeft(): boolean {
    let bytes = this.#writer?.bytes ?? 0;
    for (const older of this.#olderBytes.values()) bytes += older;
    return bytes > (this.#options.maxBytes ?? MAX_BYTES);
  }

  /** The turn that a prompt was given, as far as it is remembered. */
  turnOf(promptId: string): string | null {
    return this.#turns.get(promptId) ?? null;
  }

  /**
   * Opens a new epoch and drops the older ones that `held` covers; what they left open stays known.
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
    const { dir, log, compactAboveBytes } = this.#options;
    this.#writer = new EpochWriter({
      epoch,
      file: await EpochFile.create(dir, epoch),
      written: this.#written,
      log,
      now: this.#now,
      compactAboveBytes,
      onWritten: (lines) => {
        this.#tail.add(lines);
        this.#news.tell();
      },
    });
    this.#epochs.push(epoch);
    this.#epoch = epoch;
    const isKnownHere = await this.#writer.carryOver();
    if (held && isKnownHere) await this.ack(held);
  }

  /** @throws SidecarError `bad_request` for a position that this spool has not reached: reader and spool do not belong together. */
  assertReached(position: SpoolPosition): void {
    const lastN = this.#writer?.lastN ?? 0;
    if (position.epoch < this.#epoch || (position.epoch === this.#epoch && position.n <= lastN)) return;
    const here = `asked for ${position.epoch}/${position.n}, here is ${this.#epoch}/${lastN}`;
    throw new SidecarError(
      "bad_request",
      "The position lies after the last event; register this instance again.",
      here,
    );
  }

  /**
   * Numbers the events of the open epoch and writes them soon, in order. Never throws: a full disk is told by {@link problem}
   * and tried again, and an event that the contract does not know is dropped: the server would end the session for it, at
   * every resume again.
   */
  append(bodies: readonly SidecarEventBody[]): void {
    const atMs = this.#now();
    const kept = bodies.flatMap((body) => this.#kept(body));
    for (const body of kept) this.#recallBody(body, atMs);
    this.#writer?.append(kept, atMs);
  }

  /** Resolves when everything appended so far is in the file, and the last turn's start or end is on disk. */
  async flush(): Promise<void> {
    await this.#writer?.flush();
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
    while (!signal.aborted && !this.#news.ended) {
      position = this.#nextEpoch(position);
      const isCurrent = position.epoch === this.#epoch;
      const upTo = isCurrent ? this.#writtenN : Infinity;
      yield* this.#readEpoch(position, upTo, signal);
      // Up to here everything was handed out, or dropped because the server holds it.
      if (!isCurrent) position = { epoch: position.epoch + 1, n: 0 };
      else position = { epoch: position.epoch, n: Math.max(position.n, upTo) };
      const caughtUp = position.epoch === this.#epoch && position.n >= this.#writtenN;
      if (caughtUp && !(await this.#news.next(signal, idleMs))) yield null;
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
      await rm(epochFile(this.#options.dir, epoch), { force: true });
      this.#olderBytes.delete(epoch);
    }
    if (position.epoch === this.#epoch) this.#writer?.dropUpTo(position.n);
  }

  /** Writes and syncs what is left; readers end. */
  async close(): Promise<void> {
    await this.flush();
    this.#news.end();
    await this.#writer?.close();
  }

  get #writtenN(): number {
    return this.#writer?.writtenN ?? 0;
  }

  /** The event as it is stored; nothing when it cannot be. */
  #kept(body: SidecarEventBody): SidecarEventBody[] {
    const { log } = this.#options;
    const fitted = fitEvent(body);
    if (!fitted) {
      log.error("event too large, dropped", { type: body.type });
      return [];
    }
    // 0.3 to 0.7 µs an event.
    const checked = eventData[fitted.type].safeParse(fitted.data);
    if (checked.success) return [fitted];
    const error = whereOf(checked.error);
    log.error("event out of the contract, dropped", { type: body.type, error });
    return [];
  }

  /** A line of an older epoch; one that only adds text is put aside. */
  #recall(line: SpoolLine, deltas: UnreadDeltas): void {
    if (line.n === 0) {
      deltas.dropAll();
      for (const opener of parseHead(line.line)) this.#recallWritten(opener);
      return;
    }
    if (deltas.take(line)) return;
    const parsed = parseLine(line.line);
    if (!parsed) return;
    this.#recallWritten(parsed);
    const { type, data } = parsed.body;
    if (type === "part.ended" || type === "tool.ended") deltas.drop(data.partId);
  }

  #recallWritten({ body, atMs }: TimedBody): void {
    this.#written.apply(body, atMs);
    this.#recallBody(body, atMs);
  }

  #recallBody(body: EventBody, atMs: number): void {
    this.state.apply(body, atMs);
    if (body.type === "turn.started") this.#turns.set(body.data.promptId, body.data.turnId);
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
    for await (const lines of readLines(epochFile(this.#options.dir, from.epoch))) {
      if (signal.aborted) return;
      yield* batches(
        from.epoch,
        lines.filter((line) => line.n > from.n && line.n <= upTo),
      );
    }
  }

  async #lastNumberOf(epoch: number): Promise<number> {
    let last = 0;
    for await (const lines of readLines(epochFile(this.#options.dir, epoch))) last = lines.at(-1)?.n ?? last;
    return last;
  }
}

/** Which fields do not fit and why; not what stands in them. */
function whereOf(error: ZodError): string {
  return error.issues.map(({ path, code }) => `${path.join(".")}: ${code}`).join(", ");
}
