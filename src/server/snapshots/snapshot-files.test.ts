import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSnapshotFiles } from "./snapshot-files";

describe("files of snapshots", () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "oa-snapshots-"));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  it("are listed with what they take, those too of which only a part is there, and not once they are gone", async () => {
    const files = createSnapshotFiles(dataDir);
    expect(await files.list()).toEqual([]);
    const place = { sessionId: "ses_a", snapshotId: "snp_1" };
    let bytes = 0;
    for (const kind of ["state", "workspace"] as const)
      bytes += await files.write(
        place,
        { kind, tar: Readable.from([Buffer.alloc(5000)]) },
        new AbortController().signal,
      );
    const broken = { sessionId: "ses_b", snapshotId: "snp_2" };
    mkdirSync(join(dataDir, "snapshots", "ses_b", "snp_2"), { recursive: true });
    writeFileSync(join(dataDir, "snapshots", "ses_b", "snp_2", "state.tar.gz"), "half");
    expect(await files.list()).toEqual([
      { ...place, bytes },
      { ...broken, bytes: 4 },
    ]);
    await files.remove(place);
    expect(await files.list()).toEqual([{ ...broken, bytes: 4 }]);
  });
});
