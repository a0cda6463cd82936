import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Libsql from "libsql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DATABASE_FILE } from "../db/database";
import { presentInstallation } from "./present-installation";

describe("what a data directory holds", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "oa-present-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const database = <T>(use: (db: Libsql.Database) => T): T => {
    const db = new Libsql(join(dir, DATABASE_FILE));
    try {
      return use(db);
    } finally {
      db.close();
    }
  };

  it("is nothing where there is no database, or one of which nothing was made yet", () => {
    expect(presentInstallation(dir)).toEqual({ isClaimed: false, sessionIds: [] });
    database((db) => db.exec("create table other (id text)"));
    expect(presentInstallation(dir)).toEqual({ isClaimed: false, sessionIds: [] });
  });

  it("is told of an older version's too, whose schema stays as it is", () => {
    const schema = () => database((db) => db.prepare("select sql from sqlite_master order by name").all());
    database((db) => {
      db.exec("create table installation (name text, value text)");
      db.exec("create table sessions (id text)");
      db.exec("insert into sessions values ('ses_1'), ('ses_2')");
    });
    const before = schema();
    expect(presentInstallation(dir)).toEqual({ isClaimed: false, sessionIds: ["ses_1", "ses_2"] });
    database((db) => db.exec("insert into installation values ('claimedAt', '2026')"));
    expect(presentInstallation(dir).isClaimed).toBe(true);
    expect(schema()).toEqual(before);
  });
});
