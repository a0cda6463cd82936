import { tmpdir } from "node:os";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, it } from "vitest";
import { installationValue } from "../db/installation-value";
import { testDatabase, type TestDatabase } from "../db/testing";
import { databaseCheck } from "./database-check";

let t: TestDatabase;
beforeEach(() => {
  t = testDatabase();
});
afterEach(() => t[Symbol.dispose]());

const writtenAt = () => installationValue(t.db, "writeCheckedAt");

it("writes to know, and not each time that somebody asks", async () => {
  const check = databaseCheck({ ...t, dataDir: tmpdir() });
  expect(await check()).toBe("ok");
  const first = writtenAt();
  expect(first).toBe(new Date(t.clock.now()).toISOString());
  t.clock.advance(9_999);
  await check();
  expect(writtenAt()).toBe(first);
  t.clock.advance(1);
  await check();
  expect(writtenAt()).not.toBe(first);
});

it("says that nothing can be written with what to do, and soon that it can again", async () => {
  const check = databaseCheck({ ...t, dataDir: tmpdir() });
  t.db.run(sql`create trigger full before insert on installation begin select raise(fail, 'full'); end`);
  await expect(check()).rejects.toMatchObject({
    message: expect.stringMatching(/takes no writes.*Free some disk/) as string,
    cause: expect.objectContaining({ message: "full" }) as Error,
  });
  t.db.run(sql`drop trigger full`);
  await expect(check()).rejects.toThrow("takes no writes");
  t.clock.advance(1_000);
  expect(await check()).toBe("ok");
});

it("says that there is little room left, in MiB", async () => {
  const measure = () => ({ freeBytes: 15 * 1024 ** 2 });
  await expect(databaseCheck({ ...t, dataDir: tmpdir(), measure })()).rejects.toThrow(/Only 15 MiB are free/);
});
