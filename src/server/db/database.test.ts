import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataDirectoryInUseError, openDatabase } from "./database";
import { installation } from "./schema";

const migrationsDir = join(import.meta.dirname, "migrations");

describe("openDatabase", () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "oa-db-"));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it("refuses a directory that another server holds, and takes it once that one is gone", () => {
    const first = openDatabase({ dataDir, migrationsDir });
    expect(() => openDatabase({ dataDir, migrationsDir })).toThrow(DataDirectoryInUseError);
    first.close();
    openDatabase({ dataDir, migrationsDir }).close();
  });

  it("keeps what it was given over a reopen, and nothing of a transaction that failed", () => {
    const first = openDatabase({ dataDir, migrationsDir });
    first.db.insert(installation).values({ name: "kept", value: "1" }).run();
    expect(() =>
      first.db.transaction((tx) => {
        tx.insert(installation).values({ name: "dropped", value: "1" }).run();
        throw new Error("half way");
      }),
    ).toThrow("half way");
    first.close();
    const second = openDatabase({ dataDir, migrationsDir });
    expect(second.db.select().from(installation).all()).toEqual([{ name: "kept", value: "1" }]);
    second.close();
  });
});
