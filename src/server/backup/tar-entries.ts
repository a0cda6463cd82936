import { extract, type Extract } from "tar-stream";

/** A header as it stands in a tar, whoever wrote it. */
export interface RawHeader {
  name: string;
  type?: string | null;
  size?: number;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: Date;
  linkname?: string | null;
}

export interface TarEntry {
  header: RawHeader;
  /** To be read to its end before the next entry is asked for, or to be skipped. */
  body: AsyncIterable<Buffer>;
  skip(): void;
}

/** The entries of a tar, one at a time. What its source fails with, this fails with. */
export async function* tarEntries(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const entries = extract();
  entries.on("error", () => {
    // Told by the iterator; without a listener it would end the process.
  });
  const fed = feed(source, entries);
  // Told below, or by the entries that it ends.
  fed.catch((error: unknown) => entries.destroy(error instanceof Error ? error : new Error(String(error))));
  try {
    for await (const entry of entries)
      yield { header: entry.header, body: entry as AsyncIterable<Buffer>, skip: () => void entry.resume() };
    await fed;
  } finally {
    entries.destroy();
  }
}

async function feed(source: AsyncIterable<Buffer>, entries: Extract): Promise<void> {
  const closed = new Promise<void>((resolve) => entries.once("close", resolve));
  for await (const chunk of source) {
    if (entries.destroyed) return;
    if (!entries.write(chunk))
      await Promise.race([new Promise<void>((resolve) => entries.once("drain", resolve)), closed]);
  }
  entries.end(null);
}
