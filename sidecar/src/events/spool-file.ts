import { constants, type Dirent } from "node:fs";
import { open, readdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseEventBody, spooledEvent, type EventBody, type SidecarEventBody } from "../contract";

const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

export function epochFile(dir: string, epoch: number): string {
  return join(dir, `${epoch}.ndjson`);
}

/** Epochs that have a file in the spool, ascending. */
export async function listEpochs(dir: string): Promise<number[]> {
  const entries: Dirent[] = await readdir(dir, { withFileTypes: true });
  return entries
    .flatMap((entry) => (entry.isFile() ? [/^([1-9]\d{0,14})\.ndjson$/.exec(entry.name)?.[1]] : []))
    .flatMap((name) => (name === undefined ? [] : [Number(name)]))
    .sort((a, b) => a - b);
}

/** A line of the spool, undecoded. `n` is its number in the epoch. */
export interface SpoolLine {
  n: number;
  line: string;
}

/** The number of a line as {@link lineOf} writes it; null for anything else. */
export function numberOfLine(line: string): number | null {
  const digits = /^\{"epoch":\d+,"n":(\d+),/.exec(line)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** One event as it stands in the file and on the wire, without the newline. */
export function lineOf(event: { epoch: number; n: number; at: string; body: EventBody }): string {
  const { epoch, n, at, body } = event;
  return JSON.stringify({ epoch, n, at, type: body.type, data: body.data });
}

/** A body with the time of its event. */
export interface TimedBody {
  atMs: number;
  body: EventBody;
}

const head = z.object({
  n: z.literal(0),
  open: z.array(spooledEvent.pick({ at: true, type: true, data: true })),
});

/**
 * The first line of a file that was compacted: what the dropped events had left open. Its number is 0, so that no reader is
 * ever given it.
 */
export function headOfFile(epoch: number, open: readonly { atMs: number; body: SidecarEventBody }[]): string {
  const events = open.map(({ atMs, body }) => ({ at: new Date(atMs).toISOString(), ...body }));
  return JSON.stringify({ epoch, n: 0, open: events });
}

/** What {@link headOfFile} wrote; nothing for any other line. */
export function parseHead(line: string): TimedBody[] {
  const { success, data } = head.safeParse(JSON.parse(line));
  if (!success) return [];
  return data.open.map(({ at, type, data }) => ({ atMs: Date.parse(at), body: parseEventBody(type, data) }));
}

/** Whole lines of an epoch's file in chunks; what follows the last newline is left out. A file that is gone has none. */
export async function* readLines(path: string): AsyncGenerator<SpoolLine[]> {
  const file = await openIfThere(path);
  if (!file) return;
  try {
    let offset = 0;
    let size = CHUNK_BYTES;
    for (;;) {
      const buffer = Buffer.allocUnsafe(size);
      const { bytesRead } = await file.read(buffer, 0, size, offset);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE);
      if (end >= 0) {
        offset += end + 1;
        size = CHUNK_BYTES;
        yield splitLines(buffer.toString("utf8", 0, end));
      } else if (bytesRead < size) {
        return;
      } else {
        size *= 2;
      }
    }
  } finally {
    await file.close();
  }
}

/** One call may write less than it was given. */
export async function writeWhole(file: FileHandle, buffer: Buffer, start: number): Promise<void> {
  for (let done = 0; done < buffer.length;) {
    const { bytesWritten } = await file.write(buffer, done, buffer.length - done, start + done);
    done += bytesWritten;
  }
}

/** An epoch may be acknowledged and removed while a reader is on its way to it. */
async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

function splitLines(text: string): SpoolLine[] {
  return text.split("\n").flatMap((line) => {
    const n = numberOfLine(line);
    return n === null ? [] : [{ n, line }];
  });
}

/** Cuts off a last line that a crash left half written; returns the file's length after it. */
export async function dropTornLine(path: string): Promise<number> {
  const file = await open(path, constants.O_RDWR);
  try {
    const { size } = await file.stat();
    const end = await endOfLastLine(file, size);
    if (end < size) await file.truncate(end);
    return end;
  } finally {
    await file.close();
  }
}

async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const buffer = Buffer.alloc(end - start);
    await file.read(buffer, 0, buffer.length, start);
    const newline = buffer.lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}

/** A line's time and body, or null when it is not an event of this contract (written by another version). */
export function parseLine(line: string): TimedBody | null {
  try {
    const event = spooledEvent.parse(JSON.parse(line));
    return { atMs: Date.parse(event.at), body: parseEventBody(event.type, event.data) };
  } catch {
    // Damaged by the disk or unknown to this version: it still goes to the server as it is, which refuses it by name.
    return null;
  }
}
