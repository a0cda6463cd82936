import { constants } from "node:fs";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { writeWhole } from "./spool-file";

const COPY_BYTES = 1024 * 1024;
/** Between two entries of {@link FileMarks}: few enough for the largest file, fine enough for the smallest compaction. */
const MARK_EVERY_BYTES = 64 * 1024;

/** Where events end in a file, not of each event but often enough. */
export class FileMarks {
  #marks: { n: number; end: number }[] = [];

  /** @param n the last event before the byte `end` */
  add(n: number, end: number): void {
    const [before, last] = this.#marks.slice(-2);
    // The last one may move on; those before it stand.
    if (last && end - (before?.end ?? 0) < MARK_EVERY_BYTES) this.#marks.pop();
    this.#marks.push({ n, end });
  }

  /** Bytes from the start of the file that hold nothing after `n`. */
  endOf(n: number): number {
    return this.#marks.findLast((mark) => mark.n <= n)?.end ?? 0;
  }

  /** The first `bytes` were replaced by `headBytes`. */
  cut(bytes: number, headBytes: number): void {
    this.#marks = this.#marks
      .filter(({ end }) => end > bytes)
      .map(({ n, end }) => ({ n, end: end - bytes + headBytes }));
  }
}

/** What is written here and not yet in place; of no use after a crash. */
export function unfinishedFile(path: string): string {
  return `${path}.new`;
}

/**
 * Replaces a file by `head` and what it holds from `from` to `to`; whoever has the old one open reads that to its end. Before and
 * after a crash one of the two is there, whole. The caller closes the handle.
 */
export async function replaceBeginning(
  path: string,
  { head, from, to }: { head: string; from: number; to: number },
): Promise<{ file: FileHandle; bytes: number }> {
  const made = unfinishedFile(path);
  const file = await open(made, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
  try {
    const beginning = Buffer.from(head);
    await writeWhole(file, beginning, 0);
    const bytes = beginning.length + (await copy(path, { from, to }, file, beginning.length));
    await file.sync();
    await rename(made, path);
    await syncDirectory(dirname(path));
    return { file, bytes };
  } catch (error) {
    await file.close();
    await rm(made, { force: true });
    throw error;
  }
}

/** Makes the names of files in it survive a loss of power. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function copy(
  path: string,
  { from, to }: { from: number; to: number },
  target: FileHandle,
  at: number,
): Promise<number> {
  const source = await open(path, constants.O_RDONLY);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, Math.max(1, to - from)));
    let done = 0;
    while (from + done < to) {
      const { bytesRead } = await source.read(
        buffer,
        0,
        Math.min(buffer.length, to - from - done),
        from + done,
      );
      if (bytesRead === 0) throw new Error("the spool's file is shorter than what was written to it");
      await writeWhole(target, buffer.subarray(0, bytesRead), at + done);
      done += bytesRead;
    }
    return done;
  } finally {
    await source.close();
  }
}
