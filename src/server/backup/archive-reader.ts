import { createReadStream } from "node:fs";
import { decryptStream } from "./age-file";
import {
  completeSchema,
  FORMAT_VERSION,
  manifestSchema,
  type Complete,
  type Manifest,
} from "./archive-format";
import { BackupError, damaged } from "./backup-error";
import { createEntryPolicy, type CheckedEntry } from "./entry-policy";
import { tarEntries, type TarEntry } from "./tar-entries";

export interface ArchiveVisitor {
  /** Before anything else is read; throws to refuse the archive. */
  onManifest(manifest: Manifest): void;
  /** An entry of a volume, or the database; the body of a file is to be read to its end. */
  onEntry?: (entry: CheckedEntry, body: AsyncIterable<Buffer>) => Promise<void>;
  onBytes?: (bytes: number) => void;
}

/**
 * Reads an archive from beginning to end; each byte is authenticated and each entry checked before a visitor sees it. Only when
 * this returns it is known that nothing is missing.
 * @throws BackupError, or what a visitor threw
 */
export async function readArchive(
  opts: { file: string; passphrase: string },
  visitor: ArchiveVisitor,
): Promise<Complete> {
  const source = createReadStream(opts.file, { highWaterMark: 1024 * 1024 });
  const plain = decryptStream(source as AsyncIterable<Buffer>, opts.passphrase);
  const reading = createReading(visitor);
  try {
    for await (const entry of tarEntries(plain)) await reading.take(entry);
    return reading.end();
  } catch (error) {
    throw isTarError(error) ? damaged(String(error), error) : error;
  } finally {
    source.destroy();
  }
}

function createReading(visitor: ArchiveVisitor) {
  const policy = createEntryPolicy();
  const sessions = new Set<string>();
  let entriesSeen = 0;
  let bytes = 0;
  let complete: Complete | null = null;
  let hasDatabase = false;
  return {
    async take({ header, body, skip }: TarEntry) {
      const entry = policy.check(header);
      if (entry.place.part === "manifest") {
        visitor.onManifest(manifestOf(await textOf(body)));
      } else if (entry.place.part === "complete") {
        complete = parsed(completeSchema, await textOf(body));
        if (complete.entries !== entriesSeen || complete.bytes !== bytes)
          throw damaged("complete.json counts other entries than there are");
      } else {
        if (entry.place.part === "volume") sessions.add(entry.place.sessionId);
        else hasDatabase = true;
        if (visitor.onEntry) await visitor.onEntry(entry, body);
        if (!visitor.onEntry || entry.type !== "file") skip();
      }
      entriesSeen += 1;
      bytes += entry.size;
      visitor.onBytes?.(bytes);
    },
    end(): Complete {
      if (complete === null || !hasDatabase) throw damaged("the archive has no end");
      const named = new Set(complete.sessions);
      if (named.size !== sessions.size || [...sessions].some((id) => !named.has(id)))
        throw damaged("complete.json names other sessions than there are");
      return complete;
    },
  };
}

function manifestOf(text: string): Manifest {
  const manifest = parsed(manifestSchema, text);
  if (manifest.version !== FORMAT_VERSION) {
    throw new BackupError(
      "other_version",
      `The backup is of format ${manifest.version}, and this version of OpenAgent reads format ${FORMAT_VERSION}. Restore it with the version that made it (${manifest.madeBy}), then update.`,
    );
  }
  return manifest;
}

function parsed<T>(
  schema: { safeParse(value: unknown): { success: true; data: T } | { success: false; error: Error } },
  text: string,
): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged("not JSON", error);
  }
  const result = schema.safeParse(value);
  if (!result.success) throw damaged(result.error.message, result.error);
  return result.data;
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** What tar-stream says of a tar that is none; it has no class of its own. */
function isTarError(error: unknown): boolean {
  return (
    error instanceof Error &&
    /tar header|Invalid header|Unexpected end of data|Header exceeds/.test(error.message)
  );
}
