import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { FileMarks, replaceBeginning, syncDirectory } from "./spool-compaction";
import { epochFile, writeWhole } from "./spool-file";

/** The file of the epoch that is being written. One write at a time; {@link EpochFile.close} by whoever created it. */
export class EpochFile {
  readonly #dir: string;
  readonly #epoch: number;
  #file: FileHandle;
  #bytes = 0;
  readonly #marks = new FileMarks();

  private constructor(dir: string, epoch: number, file: FileHandle) {
    this.#dir = dir;
    this.#epoch = epoch;
    this.#file = file;
  }

  static async create(dir: string, epoch: number): Promise<EpochFile> {
    // O_EXCL: two writers of one epoch would break its numbering.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    const file = new EpochFile(dir, epoch, await open(epochFile(dir, epoch), flags, 0o600));
    await syncDirectory(dir);
    return file;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes `head` as the beginning of the file that is still empty, to disk. After a failure the file is as it was. */
  async begin(head: string): Promise<void> {
    const buffer = Buffer.from(head);
    await writeWhole(this.#file, buffer, 0);
    await this.#file.datasync();
    this.#bytes = buffer.length;
  }

  /** Writes at the end; a try that failed is overwritten by the next. @param opts.n of the last event in it */
  async append(buffer: Buffer, opts: { n: number; sync: boolean }): Promise<void> {
    await writeWhole(this.#file, buffer, this.#bytes);
    if (opts.sync) await this.sync();
    this.#bytes += buffer.length;
    this.#marks.add(opts.n, this.#bytes);
  }

  async sync(): Promise<void> {
    await this.#file.datasync();
  }

  /** Bytes at the start that hold nothing after `n`. */
  bytesUpTo(n: number): number {
    return this.#marks.endOf(n);
  }

  /** Puts `head` in the place of the first `bytes`. */
  async dropBeginning(bytes: number, head: string): Promise<void> {
    const old = this.#file;
    const range = { head, from: bytes, to: this.#bytes };
    const made = await replaceBeginning(epochFile(this.#dir, this.#epoch), range);
    this.#file = made.file;
    this.#bytes = made.bytes;
    this.#marks.cut(bytes, Buffer.byteLength(head));
    await old.close();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
