import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { DataDirectoryInUseError, openDatabase } from "./database";
import { installation, sessions } from "./schema";
import { MIGRATIONS_DIR } from "../project";

describe("openDatabase", () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "oa-db-"));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it("refuses a directory that another server holds, and takes it once that one is gone", () => {
    const first = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
    expect(() => openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR })).toThrow(DataDirectoryInUseError);
    first.close();
    openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR }).close();
  });

  it("keeps what it was given over a reopen, and nothing of a transaction that failed", () => {
    const first = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
    first.db.insert(installation).values({ name: "kept", value: "1" }).run();
    expect(() =>
      first.db.transaction((tx) => {
        tx.insert(installation).values({ name: "dropped", value: "1" }).run();
        throw new Error("half way");
      }),
    ).toThrow("half way");
    first.close();
    const second = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
    expect(second.db.select().from(installation).all()).toEqual([{ name: "kept", value: "1" }]);
    second.close();
  });

  it("says that the disk is full, keeps nothing of that transaction, and takes the next one once there is room", () => {
    const { db, close } = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
    const mostPages = (count: number) => db.run(sql.raw(`pragma max_page_count = ${count}`));
    const write = (name: string) =>
      db.transaction((tx) =>
        tx
          .insert(installation)
          .values({ name, value: "x".repeat(100_000) })
          .run(),
      );
    mostPages(1); // SQLite takes it for as many as there are.
    expect(() => write("too much")).toThrow(expect.objectContaining({ code: "SQLITE_FULL" }));
    mostPages(1_000_000);
    write("fits");
    expect(db.select({ name: installation.name }).from(installation).all()).toEqual([{ name: "fits" }]);
    close();
  });

  it("knows of sessions of before which image they ran on, unless they had failed", () => {
    const before = openDatabase({ dataDir, migrationsDir: migrationsUpTo(6) });
    before.db.run(sql`insert into users values ('usr_1', 'a@b.test', 'A', 'owner', '-', null, '2026', 0)`);
    for (const status of ["idle", "stopped", "error"])
      before.db.run(sql`insert into sessions
        (id, owner_id, title, status, agent_state, model, agent, permission_mode, visibility, epoch, held_epoch, held_n,
         last_seq, image, created_at, last_activity_at)
        values (${status}, 'usr_1', 'T', ${status}, 'asleep', '{}', 'build', 'ask', 'private', 1, 0, 0, 0, 'session:1',
         '2026', '2026')`);
    before.close();
    const after = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
    const { id, readyImage, readyContract } = sessions;
    expect(after.db.select({ id, readyImage, readyContract }).from(sessions).orderBy(id).all()).toEqual([
      { id: "error", readyImage: null, readyContract: null },
      { id: "idle", readyImage: "session:1", readyContract: 1 },
      { id: "stopped", readyImage: "session:1", readyContract: 1 },
    ]);
    after.close();
  });

  /** The migrations as they were when this was the last one. */
  function migrationsUpTo(last: number): string {
    const dir = join(dataDir, "migrations");
    cpSync(MIGRATIONS_DIR, dir, { recursive: true });
    const journal = join(dir, "meta/_journal.json");
    const { entries, ...rest } = z
      .looseObject({ entries: z.array(z.looseObject({ idx: z.number() })) })
      .parse(JSON.parse(readFileSync(journal, "utf8")));
    writeFileSync(journal, JSON.stringify({ ...rest, entries: entries.filter(({ idx }) => idx <= last) }));
    return dir;
  }
});
