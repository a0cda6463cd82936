import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack, type Pack } from "tar-stream";
import type { ContextEntry } from "./inputs";

/** One date for every file, so that the engine's layer cache sees content alone. */
const MTIME = new Date("2026-01-01T00:00:00Z");

/**
 * The build context as a tar stream, owned by root throughout, files in the order given.
 * `done` rejects when a file cannot be read; the stream then never ends, so the caller must abort whoever reads it.
 */
export function packContext(entries: ContextEntry[]): { stream: Readable; done: Promise<void> } {
  const tar = pack();
  return { stream: Readable.from(tar), done: writeAll(tar, entries) };
}

async function writeAll(tar: Pack, entries: ContextEntry[]): Promise<void> {
  for (const entry of entries) {
    if ("content" in entry) {
      tar.entry({ name: entry.name, mode: entry.mode, mtime: MTIME }, entry.content);
    } else {
      await pipeline(
        createReadStream(entry.path),
        tar.entry({ name: entry.name, mode: entry.mode, mtime: MTIME, size: entry.size }),
      );
    }
  }
  tar.finalize();
}
