import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase, type OpenDatabase } from "../db/database";
import { installation } from "../db/schema";
import { loadMasterKey, MasterKeyError, type MasterKeyErrorCode } from "./master-key";

const migrationsDir = join(import.meta.dirname, "../db/migrations");

describe("loadMasterKey", () => {
  let dataDir: string;
  let file: string;
  let open: OpenDatabase;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "oa-master-"));
    file = join(dataDir, "secrets", "master.key");
    open = openDatabase({ dataDir, migrationsDir });
  });
  afterEach(() => {
    open.close();
    rmSync(dataDir, { recursive: true });
  });
  const load = () => loadMasterKey({ file, db: open.db });
  const write = (text: string, mode = 0o600) => {
    writeFileSync(file, text);
    chmodSync(file, mode);
  };
  function refusal(): MasterKeyErrorCode | null {
    const before = JSON.stringify(open.db.select().from(installation).all());
    try {
      load();
      return null;
    } catch (error) {
      if (!(error instanceof MasterKeyError)) throw error;
      expect(error.message).toContain(file);
      expect(JSON.stringify(open.db.select().from(installation).all())).toBe(before);
      return error.code;
    }
  }

  it("makes 32 bytes that its owner alone can read, and takes the same again", () => {
    const first = load();
    expect(first.bytes).toHaveLength(32);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(dataDir, "secrets"))).toEqual(["master.key"]);
    expect(load()).toEqual(first);
    expect(JSON.stringify(open.db.select().from(installation).all())).not.toContain(
      first.bytes.toString("base64"),
    );
  });

  it("takes a key that somebody put there", () => {
    load();
    open.db.delete(installation).run();
    const bytes = randomBytes(32);
    write(bytes.toString("base64"));
    expect(load().bytes).toEqual(bytes);
  });

  it("refuses another key than the database was made with, and leaves the file alone", () => {
    load();
    const other = randomBytes(32).toString("base64");
    write(other);
    expect(refusal()).toBe("wrong_key");
    expect(readFileSync(file, "utf8")).toBe(other);
  });

  it("refuses to make a new key when the database has secrets under a lost one", () => {
    load();
    rmSync(file);
    expect(refusal()).toBe("missing");
    expect(readdirSync(join(dataDir, "secrets"))).toEqual([]);
  });

  it.each([0o640, 0o604, 0o660, 0o644])("refuses mode %o", (mode) => {
    load();
    chmodSync(file, mode);
    expect(refusal()).toBe("too_open");
  });

  it.each([
    "",
    "abc",
    randomBytes(31).toString("base64"),
    randomBytes(33).toString("base64"),
    "!".repeat(44),
  ])("refuses a file with %j", (text) => {
    load();
    write(text);
    expect(refusal()).toBe("wrong_size");
    expect(readFileSync(file, "utf8")).toBe(text);
  });
});
