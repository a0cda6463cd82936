import { Readable } from "node:stream";
import { pack, type Pack } from "tar-stream";
import type { Driver } from "../../drivers/driver";
import { addEntry } from "./archive-writer";
import { placeOf } from "./archive-format";
import type { CheckedEntry } from "./entry-policy";

export interface VolumeImports {
  /** Entries of one session follow each other. */
  add(entry: CheckedEntry, body: AsyncIterable<Buffer>): Promise<void>;
  /** The last session's volumes are complete. */
  finish(): Promise<void>;
  /** Removes the volumes that were made. */
  undo(): Promise<void>;
}

/** Entries of an archive into volumes of the present installation. */
export function createVolumeImports(driver: Pick<Driver, "importVolumes" | "removeVolumes">): VolumeImports {
  const made: string[] = [];
  let current: { sessionId: string; tar: Pack; done: Promise<void>; failure: unknown } | null = null;

  const begin = (sessionId: string) => {
    const tar = pack();
    tar.on("error", () => {
      // Told by whoever reads or writes it; without a listener it would end the process.
    });
    made.push(sessionId);
    const done = driver.importVolumes(sessionId, Readable.from(tar as AsyncIterable<Buffer>));
    const begun = { sessionId, tar, done, failure: null as unknown };
    // An engine that takes no more ends whoever still writes.
    done.catch((error: unknown) => {
      begun.failure = error;
      tar.destroy(error instanceof Error ? error : new Error(String(error)));
    });
    return begun;
  };
  const finish = async () => {
    const ending = current;
    current = null;
    ending?.tar.finalize();
    await ending?.done;
  };

  return {
    finish,
    async add(entry, body) {
      if (entry.place.part !== "volume") return;
      const { sessionId } = entry.place;
      if (current?.sessionId !== sessionId) await finish();
      current ??= begin(sessionId);
      const importing = current;
      try {
        await addEntry(importing.tar, inVolume(entry), body);
      } catch (error) {
        // The engine's own words say more than those of the stream that it ended.
        throw importing.failure ?? error;
      }
    },
    async undo() {
      const ending = current;
      current = null;
      ending?.tar.destroy(new Error("the restore has failed"));
      await ending?.done.catch(() => undefined);
      for (const sessionId of made) await driver.removeVolumes(sessionId);
    },
  };
}

/** Names as the driver wants them: below the volume's kind. */
function inVolume(entry: CheckedEntry): CheckedEntry {
  const named = (name: string) => {
    const place = placeOf(name);
    if (place?.part !== "volume") return name;
    return place.path === "" ? place.kind : `${place.kind}/${place.path}`;
  };
  const linkname = entry.type === "link" ? named(entry.linkname ?? "") : entry.linkname;
  return { ...entry, name: named(entry.name), linkname };
}
