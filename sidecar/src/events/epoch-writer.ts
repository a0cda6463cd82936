import type { SidecarEventBody } from "../contract";
import { describeError, type Log } from "../log";
import type { EpochFile } from "./epoch-file";
import type { OpenState } from "./open-state";
import { headOfFile, lineOf, type SpoolLine } from "./spool-file";

/** Between two syncs to disk, unless a turn ends. */
const SYNC_EVERY_MS = 200;
const RETRY_WRITE_MS = 500;
/** Of acknowledged events at the start of the file: then they are dropped from it, if they are half of it. */
const COMPACT_ABOVE_BYTES = 8 * 1024 * 1024;

interface Pending {
  line: SpoolLine;
  atMs: number;
  body: SidecarEventBody;
}

/** Must be on disk before anybody hears of it: what follows cannot be taken back. */
function isSynced({ body }: Pending): boolean {
  return body.type === "turn.started" || body.type === "turn.ended";
}

export interface EpochWriterOptions {
  epoch: number;
  file: EpochFile;
  /** What the events in the files have open; the writer goes on with it. */
  written: OpenState;
  log: Log;
  now: () => number;
  /** So much of the file the server must hold before it is dropped from it. */
  compactAboveBytes?: number | undefined;
  /** The lines are in the file, and on disk if a turn starts or ends in them. */
  onWritten: (lines: readonly SpoolLine[]) => void;
}

/** Numbers the events of one epoch and writes them to its file, in order. {@link EpochWriter.close} by whoever made it. */
export class EpochWriter {
  readonly #options: EpochWriterOptions;
  readonly #file: EpochFile;
  readonly #compactAboveBytes: number;
  #lastN = 0;
  #writtenN = 0;
  #queue: Pending[] = [];
  /** Of the queue and of what is being written. */
  #queuedUnits = 0;
  /** Acknowledged bytes at the start of the file that are to be dropped from it. */
  #dropBytes = 0;
  #writing: Promise<void> | null = null;
  #lastSyncMs = 0;
  #syncTimer: NodeJS.Timeout | null = null;
  #problem: string | null = null;
  #closed = false;

  constructor(options: EpochWriterOptions) {
    this.#options = options;
    this.#file = options.file;
    this.#compactAboveBytes = options.compactAboveBytes ?? COMPACT_ABOVE_BYTES;
  }

  /** Why nothing can be written now; null when it can. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The number of the last event that was appended. */
  get lastN(): number {
    return this.#lastN;
  }

  /** The number of the last event that readers may have. */
  get writtenN(): number {
    return this.#writtenN;
  }

  /** UTF-16 units of events that are not in the file yet. */
  get queuedUnits(): number {
    return this.#queuedUnits;
  }

  /** The file's length. */
  get bytes(): number {
    return this.#file.bytes;
  }

  /**
   * Puts what older epochs left open at the beginning of this one's file, so that it stays known without theirs. To be called
   * before the first event. False when the disk does not take it.
   */
  async carryOver(): Promise<boolean> {
    const head = this.#head();
    try {
      if (head) await this.#file.begin(head);
      return true;
    } catch (error) {
      this.#options.log.error("spool takes nothing over", { error: describeError(error) });
      return false;
    }
  }

  /** Never throws: what cannot be written is tried again. Events of one tick go out in one write. */
  append(bodies: readonly SidecarEventBody[], atMs: number): void {
    const at = new Date(atMs).toISOString();
    for (const body of bodies) {
      this.#lastN += 1;
      const n = this.#lastN;
      const line = { n, line: lineOf({ epoch: this.#options.epoch, n, at, body }) };
      this.#queue.push({ line, atMs, body });
      this.#queuedUnits += line.line.length;
    }
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything appended so far is in the file, and the last turn's start or end is on disk. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  /** The server holds everything up to `n`: soon it is dropped from a large file. */
  dropUpTo(n: number): void {
    const held = this.#file.bytesUpTo(n);
    const pays = held > this.#compactAboveBytes && held * 2 >= this.#file.bytes;
    // A full disk wants every byte back.
    if (!pays && (this.#problem === null || held === 0)) return;
    this.#dropBytes = held;
    this.#writing ??= this.#writeAll();
  }

  /** Writes and syncs what is left. */
  async close(): Promise<void> {
    await this.flush();
    if (this.#closed) return;
    this.#closed = true;
    if (this.#syncTimer) clearTimeout(this.#syncTimer);
    this.#syncTimer = null;
    await this.#sync();
    await this.#file.close();
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
      this.#options.onWritten(batch.map(({ line }) => line));
    }
    // In the same step as the last look at the queue: an event appended later must start a new run.
    this.#writing = null;
  }

  async #writeBatch(batch: Pending[]): Promise<void> {
    const buffer = Buffer.from(batch.map(({ line }) => `${line.line}\n`).join(""));
    for (;;) {
      try {
        const sync = batch.some(isSynced);
        await this.#file.append(buffer, { n: batch.at(-1)?.line.n ?? 0, sync });
        if (!sync) this.#syncSoon();
        for (const { body, atMs } of batch) this.#options.written.apply(body, atMs);
        this.#problem = null;
        return;
      } catch (error) {
        // A half-written batch is overwritten from the same offset by the next try.
        if (this.#closed) return;
        this.#problem = describeError(error);
        this.#options.log.error("spool write failed, trying again", { error: this.#problem });
        await new Promise((resolve) => setTimeout(resolve, RETRY_WRITE_MS));
        await this.#compact();
      }
    }
  }

  /** Everything that goes is held by the server, so nothing is lost; numbers go on. Runs between two writes. */
  async #compact(): Promise<void> {
    const from = this.#dropBytes;
    this.#dropBytes = 0;
    if (from === 0) return;
    try {
      await this.#file.dropBeginning(from, this.#head());
    } catch (error) {
      // The old file stands; the next acknowledgement tries again.
      this.#options.log.error("spool could not be compacted", { error: describeError(error) });
    }
  }

  /** What the files have open; empty when that is nothing. */
  #head(): string {
    const { epoch, written, now } = this.#options;
    const open = written.openers(now());
    return open.length > 0 ? `${headOfFile(epoch, open)}\n` : "";
  }

  #syncSoon(): void {
    const wait = Math.max(0, this.#lastSyncMs + SYNC_EVERY_MS - this.#options.now());
    this.#syncTimer ??= setTimeout(
      () => {
        this.#syncTimer = null;
        void this.#sync();
      },
      Math.min(wait, SYNC_EVERY_MS),
    );
  }

  async #sync(): Promise<void> {
    this.#lastSyncMs = this.#options.now();
    try {
      await this.#file.sync();
    } catch (error) {
      this.#options.log.error("spool sync failed", { error: describeError(error) });
    }
  }
}
