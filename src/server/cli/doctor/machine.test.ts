import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openTestAccounts } from "../../auth/test-accounts";
import { startStandIn, type StandIn } from "../../../../scripts/lib/server-stand-in.testing";
import { loadMasterKey } from "../../keys/load-master-key";
import { newMasterKey } from "../../keys/master-key";
import { examineImage } from "./engine";
import { lineOf } from "./finding";
import { examineMasterKey, examineMode, examineNode } from "./machine";
import { examineServer } from "./server";

describe("doctor", () => {
  it("says no to an old Node and to a secret that others can read", () => {
    expect(examineNode("18.19.0").problem).toContain("Install Node 20.9");
    expect(examineNode("20.8.1").problem).not.toBeNull();
    expect(examineNode("20.9.0").problem).toBeNull();
    const dir = mkdtempSync(join(tmpdir(), "oa-doctor-"));
    try {
      const file = join(dir, "master.key");
      expect(examineMode("master key", file).problem).toBeNull();
      writeFileSync(file, "x");
      chmodSync(file, 0o640);
      expect(examineMode("master key", file).problem).toContain(`chmod go-rwx ${file}`);
      chmodSync(file, 0o600);
      expect(examineMode("master key", file).problem).toBeNull();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("says no to a key that the server would refuse, and leaves it alone", () => {
    const t = openTestAccounts();
    try {
      const file = join(t.dataDir, "master.key");
      const look = () => examineMasterKey({ file, db: t.db });
      expect(look()).toMatchObject({ problem: null, fact: `${file} is made at the first start` });
      loadMasterKey({ file, db: t.db });
      expect(look()).toMatchObject({ problem: null, fact: file });
      const other = `${newMasterKey().bytes.toString("base64")}\n`;
      writeFileSync(file, other);
      expect(look().problem).toMatch("is not the one this data directory was made with");
      expect(readFileSync(file, "utf8")).toBe(other);
      chmodSync(file, 0o640);
      expect(look().problem).toContain(`chmod 600 ${file}`);
    } finally {
      t.close();
    }
  });

  it("says whether the image is there, and when it did not look", async () => {
    const has = (there: boolean) => ({ hasImage: async () => there });
    expect(lineOf(await examineImage(has(true), "image:1"))).toBe("ok    image: image:1");
    expect(lineOf(await examineImage(has(false), "image:1"))).toMatch(/^FAIL {2}image: image:1 is missing/);
    expect(lineOf(await examineImage(has(true), null))).toMatch(/^note {2}image: not checked/);
  });

  describe("of the server", () => {
    let server: StandIn | null = null;
    afterEach(async () => server?.close());

    it("asks a running one at its own address", async () => {
      server = await startStandIn({ status: 200 });
      expect(lineOf(await examineServer(server.dataDir))).toBe(`ok    server: ready at ${server.url}`);
    });

    it("calls one a fault that is not ready, in its words", async () => {
      server = await startStandIn({ status: 503 });
      expect(lineOf(await examineServer(server.dataDir))).toMatch(/^FAIL .* is not ready: stand-in says 503/);
    });

    it("notes one that does not answer, and one that ended", async () => {
      server = await startStandIn({ status: null });
      expect(lineOf(await examineServer(server.dataDir))).toMatch(/^note .* does not answer at http/);
      await server.end();
      expect(lineOf(await examineServer(server.dataDir))).toMatch(/^note {2}server: none runs/);
    });
  });
});
