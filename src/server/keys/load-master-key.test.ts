import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase, type OpenDatabase } from "../db/database";
import { installation } from "../db/schema";
import { MIGRATIONS_DIR } from "../project";
import { findMasterKey, loadMasterKey, writeKeyCheck } from "./load-master-key";
import { MasterKeyError, newMasterKey, type MasterKey, type MasterKeyErrorCode } from "./master-key";

describe("loadMasterKey", () => {
  let dataDir: string;
  let file: string;
  let open: OpenDatabase;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "oa-master-"));
    file = join(dataDir, "secrets", "master.key");
    open = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
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
  function refusal(look: () => unknown = load): MasterKeyErrorCode | null {
    const before = JSON.stringify(open.db.select().from(installation).all());
    try {
      look();
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

  it("only looks when asked which key is in force", () => {
    const find = () => findMasterKey({ file, db: open.db });
    expect(find()).toEqual({ place: "unrecorded", master: null });
    expect(readdirSync(dataDir)).not.toContain("secrets");
    const first = load();
    const successor = newMasterKey();
    writeFileSync(`${file}.next`, `${successor.bytes.toString("base64")}\n`, { mode: 0o600 });
    expect(find()).toEqual({ place: "file", master: first });
    writeKeyCheck(open.db, successor);
    expect(find()).toEqual({ place: "successor", master: successor });
    expect(readdirSync(join(dataDir, "secrets")).sort()).toEqual(["master.key", "master.key.next"]);
    expect(readFileSync(file, "utf8").trim()).toBe(first.bytes.toString("base64"));
    rmSync(`${file}.next`);
    expect(refusal(find)).toBe("wrong_key");
    rmSync(file);
    expect(refusal(find)).toBe("missing");
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

  describe("after a change of the key that was cut short", () => {
    const next = () => `${file}.next`;
    const files = () => readdirSync(join(dataDir, "secrets")).sort();
    const writeNext = (text: string) => writeFileSync(next(), text, { mode: 0o600 });
    const textOf = (master: MasterKey) => `${master.bytes.toString("base64")}\n`;

    it.each(["complete", "short"])("removes a %s successor that never came into force", (how) => {
      const first = load();
      const text = textOf(newMasterKey());
      writeNext(how === "short" ? text.slice(0, 20) : text);
      expect(load()).toEqual(first);
      expect(files()).toEqual(["master.key"]);
    });

    it("puts the successor in its place when the database is sealed with it", () => {
      load();
      const successor = newMasterKey();
      writeKeyCheck(open.db, successor);
      writeNext(textOf(successor));
      expect(load()).toEqual(successor);
      expect(files()).toEqual(["master.key"]);
      expect(readFileSync(file, "utf8")).toBe(textOf(successor));
      expect(load()).toEqual(successor);
    });

    it("takes the successor in force also when the old file is gone", () => {
      load();
      const successor = newMasterKey();
      writeKeyCheck(open.db, successor);
      writeNext(textOf(successor));
      rmSync(file);
      expect(load()).toEqual(successor);
      expect(files()).toEqual(["master.key"]);
    });

    it("refuses two files of which neither is the key, and leaves both", () => {
      load();
      writeKeyCheck(open.db, newMasterKey());
      writeNext(textOf(newMasterKey()));
      expect(refusal()).toBe("wrong_key");
      expect(files()).toEqual(["master.key", "master.key.next"]);
    });

    it("replaces the file that a symbolic link leads to, not the link", () => {
      load();
      const link = join(dataDir, "link.key");
      symlinkSync(file, link);
      const successor = newMasterKey();
      writeKeyCheck(open.db, successor);
      writeNext(textOf(successor));
      expect(loadMasterKey({ file: link, db: open.db })).toEqual(successor);
      expect(readlinkSync(link)).toBe(file);
      expect(readFileSync(file, "utf8")).toBe(textOf(successor));
    });
  });
});
