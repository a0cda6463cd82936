import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { eq, getTableColumns, is, sql } from "drizzle-orm";
import { SQLiteTable } from "drizzle-orm/sqlite-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase, type Database } from "../db/database";
import * as schema from "../db/schema";
import { AppError } from "../errors";
import { loadMasterKey } from "./load-master-key";
import { holdMasterKey, masterKeyOf, type MasterKey } from "./master-key";
import { createMasterKeyRotation } from "./rotate-master-key";
import {
  addRegisteredSession,
  installation,
  person,
  secretsOf,
  type Installation,
  type Running,
} from "./rotation-bench.testing";
import { loadSigningKey } from "../mirror/signing-key";
import { MIGRATIONS_DIR } from "../project";
import { SEALED_COLUMNS } from "./sealed-records";

const alice = person("usr_alice");
const carol = person("usr_carol", "admin");
const KEY = "sk-oa-canary-0123456789abcdef";
const TEAM_KEY = "sk-of-the-team-0123456789";

describe("a change of the master key", () => {
  let place: Installation;
  let server: Running;
  beforeEach(() => {
    place = installation();
    server = place.boot();
    server.providerKeys.upsert(alice, { providerId: "anthropic", key: KEY, scope: "me" });
    server.providerKeys.upsert(carol, { providerId: "openai", key: TEAM_KEY, scope: "team" });
  });
  afterEach(() => {
    try {
      server.close();
    } finally {
      place[Symbol.dispose]();
    }
  });

  const keysOf = (running: Running) =>
    running.providerKeys
      .credentialsFor("usr_alice")
      .map(({ key }) => key)
      .sort();
  const sealedTexts = () => SEALED_COLUMNS.flatMap(({ records }) => records(server.db).map((r) => r.sealed));
  const restart = () => {
    server.close();
    server = place.boot();
  };
  const masterOf = (): MasterKey =>
    masterKeyOf(Buffer.from(readFileSync(place.keyFile, "utf8").trim(), "base64"));
  /** The same rotation over a database whose transaction is another one. */
  const rotationOver = (transaction: Database["transaction"]) => {
    const db = Object.assign(Object.create(server.db) as Database, { transaction });
    const master = holdMasterKey(loadMasterKey({ file: place.keyFile, db: server.db }));
    const log = { info: () => undefined, warn: () => undefined };
    return { master, ...createMasterKeyRotation({ db, file: place.keyFile, master, log }) };
  };
  const failureOf = (call: () => unknown): unknown => {
    try {
      call();
    } catch (error) {
      return error;
    }
    throw new Error("it did not fail");
  };

  it("wraps every record anew, and the running services and the next start use the new key", async () => {
    const secrets = await addRegisteredSession(server, "ses_1");
    const before = { key: masterOf(), sealed: sealedTexts() };
    const result = server.masterKey.rotate();
    expect(result).toEqual({ rotated: 3, unreadable: 0, keyId: masterOf().id });
    expect(result.keyId).not.toBe(before.key.id);
    for (let round = 0; round < 2; round += 1) {
      expect(keysOf(server)).toEqual([KEY, TEAM_KEY]);
      expect(secretsOf(server, "ses_1")).toEqual(secrets);
      restart();
    }
    const after = sealedTexts();
    expect(after.map((text) => text.split(".")[1])).toEqual([result.keyId, result.keyId, result.keyId]);
    expect(after.map((text) => text.split(".")[3])).toEqual(before.sealed.map((text) => text.split(".")[3]));
    expect(place.keyFiles()).toEqual(["master.key"]);
    expect(statSync(place.keyFile).mode & 0o777).toBe(0o600);
  });

  it("leaves nothing that the old key opens, and says nothing of either key", () => {
    const old = readFileSync(place.keyFile, "utf8");
    server.masterKey.rotate();
    const next = readFileSync(place.keyFile, "utf8");
    expect(next).not.toBe(old);
    for (const text of [old, next]) expect(server.logged.join("")).not.toContain(text.trim());
    writeFileSync(place.keyFile, old);
    server.close();
    expect(() => place.boot()).toThrow(/not the one this data directory was made with/);
    writeFileSync(place.keyFile, next);
    server = place.boot();
    expect(keysOf(server)).toEqual([KEY, TEAM_KEY]);
  });

  it("seals what is stored afterwards with the new key, again and again", () => {
    for (let round = 0; round < 3; round += 1) {
      const { keyId } = server.masterKey.rotate();
      const key = `sk-of-round-${round}-0123456789`;
      server.providerKeys.upsert(alice, { providerId: "anthropic", key, scope: "me" });
      expect(sealedTexts().map((text) => text.split(".")[1])).toEqual([keyId, keyId]);
      expect(server.box.open(server.box.seal("bearer", "x"), "x")).toBe("bearer");
      restart();
      expect(keysOf(server)).toEqual([key, TEAM_KEY]);
    }
  });

  it("loses no key that is stored while it runs, among many of both", async () => {
    const stored = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => {
        // Each begins at a turn of the loop of its own, before, between and after the others.
        for (let turn = 0; turn < at % 7; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        if (at % 6 === 0) {
          server.masterKey.rotate();
          return null;
        }
        const userId = `usr_${at}`;
        const key = `sk-of-${userId}-${randomBytes(8).toString("hex")}`;
        server.providerKeys.upsert(person(userId), { providerId: "anthropic", key, scope: "me" });
        return { userId, key };
      }),
    );
    for (let round = 0; round < 2; round += 1) {
      for (const entry of stored) {
        if (entry === null) continue;
        const keys = server.providerKeys.credentialsFor(entry.userId).map(({ key }) => key);
        expect(keys).toContain(entry.key);
      }
      restart();
    }
  });

  it("leaves records that do not open as they are, counts them and names them in the log", async () => {
    await addRegisteredSession(server, "ses_1");
    const mine = server.providerKeys.list(alice).find(({ scope }) => scope === "me")?.id ?? "";
    const row = server.db.select().from(schema.providerKeys).where(eq(schema.providerKeys.id, mine)).get();
    const [version, keyId, wrapped, body = ""] = (row?.sealed ?? "").split(".");
    const flipped = Buffer.from(body, "base64url").map((byte, at) => (at === 20 ? byte ^ 1 : byte));
    const tampered = [version, keyId, wrapped, Buffer.from(flipped).toString("base64url")].join(".");
    server.db
      .update(schema.providerKeys)
      .set({ sealed: tampered })
      .where(eq(schema.providerKeys.id, mine))
      .run();
    server.db.update(schema.sessions).set({ instanceSecrets: "no envelope" }).run();

    expect(server.masterKey.rotate()).toMatchObject({ rotated: 1, unreadable: 2 });
    expect(sealedTexts()).toEqual(expect.arrayContaining([tampered, "no envelope"]));
    expect(server.logged.filter((line) => line.includes(mine))).toHaveLength(1);
    expect(server.logged.filter((line) => line.includes("ses_1"))).toHaveLength(1);
    expect(keysOf(server)).toEqual([TEAM_KEY]);
    restart();
    expect(keysOf(server)).toEqual([TEAM_KEY]);
  });

  it("does not open a record that was moved to another owner, whatever key wraps it", () => {
    server.db
      .update(schema.providerKeys)
      .set({ scopeOwner: "usr_mallory" })
      .where(eq(schema.providerKeys.scopeOwner, "usr_alice"))
      .run();
    expect(server.masterKey.rotate()).toMatchObject({ rotated: 1, unreadable: 1 });
    const keys = server.providerKeys.credentialsFor("usr_mallory").map(({ key }) => key);
    expect(keys).toEqual([TEAM_KEY]);
  });

  it("changes nothing when the database does not take it, and succeeds when it does", () => {
    const before = { key: readFileSync(place.keyFile, "utf8"), sealed: sealedTexts() };
    server.db.run(sql`pragma busy_timeout = 0`);
    const other = openDatabase({ dataDir: place.dataDir, migrationsDir: MIGRATIONS_DIR, lock: false });
    other.db.run(sql`begin immediate`);
    try {
      expect(String(failureOf(() => server.masterKey.rotate()))).toMatch(/locked|busy/i);
      expect(keysOf(server)).toEqual([KEY, TEAM_KEY]);
      expect(sealedTexts()).toEqual(before.sealed);
    } finally {
      other.db.run(sql`rollback`);
      other.close();
    }
    expect(readFileSync(place.keyFile, "utf8")).toBe(before.key);
    expect(server.masterKey.rotate()).toMatchObject({ rotated: 2 });
    expect(place.keyFiles()).toEqual(["master.key"]);
    restart();
    expect(keysOf(server)).toEqual([KEY, TEAM_KEY]);
  });

  it("goes on with the new key when its file cannot take the place, and finishes that before the next change", () => {
    const rotation = rotationOver((act, config) => {
      const done = server.db.transaction(act, config);
      // Over a directory no file can be renamed.
      rmSync(place.keyFile);
      mkdirSync(place.keyFile);
      return done;
    });
    const error = failureOf(() => rotation.rotate());
    expect(error).toMatchObject({ reason: "master_key", code: "INTERNAL_SERVER_ERROR" });
    expect(String(error)).toContain(`${place.keyFile}.next`);
    const held = rotation.master.id;
    expect(place.keyFiles()).toEqual(["master.key", "master.key.next"]);

    // As long as it is in the way, no further change may overwrite the only copy of the key.
    const onlyCopy = readFileSync(`${place.keyFile}.next`);
    expect(failureOf(() => rotation.rotate())).toMatchObject({ reason: "master_key" });
    expect(readFileSync(`${place.keyFile}.next`)).toEqual(onlyCopy);

    rmdirSync(place.keyFile);
    restart();
    expect(keysOf(server)).toEqual([KEY, TEAM_KEY]);
    expect(masterOf().id).toBe(held);
    expect(server.masterKey.rotate()).toMatchObject({ rotated: 2, unreadable: 0 });
  });

  it.each([
    ["is gone", () => rmSync(place.keyFile), /is missing/],
    ["is another one", () => writeFileSync(place.keyFile, randomBytes(32).toString("base64")), /not the one/],
    ["has a successor that cannot be removed", () => mkdirSync(`${place.keyFile}.next`), /Remove it by hand/],
  ])("refuses when the file %s, and changes nothing", (_, harm, message) => {
    const before = { key: masterOf().id, sealed: sealedTexts() };
    harm();
    const error = failureOf(() => server.masterKey.rotate());
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: "PRECONDITION_FAILED", reason: "master_key" });
    expect(String(error)).toMatch(message);
    expect(sealedTexts()).toEqual(before.sealed);
    expect(keysOf(server)).toEqual([KEY, TEAM_KEY]);
  });

  it("refuses when the running server holds another key than the file and the database", () => {
    const before = sealedTexts();
    const master = holdMasterKey(masterKeyOf(randomBytes(32)));
    const log = { info: () => undefined, warn: () => undefined };
    const rotation = createMasterKeyRotation({ db: server.db, file: place.keyFile, master, log });
    expect(failureOf(() => rotation.rotate())).toMatchObject({ reason: "master_key" });
    expect(sealedTexts()).toEqual(before);
    expect(place.keyFiles()).toEqual(["master.key"]);
  });

  it("takes the key of Convex tokens along", () => {
    const log = { warn: () => expect.unreachable("the key does not open") };
    const { kid } = loadSigningKey({ db: server.db, box: server.box, log });
    server.masterKey.rotate();
    expect(loadSigningKey({ db: server.db, box: server.box, log }).kid).toBe(kid);
  });

  it("knows every column that holds something sealed", async () => {
    await addRegisteredSession(server, "ses_1");
    const sealedColumns = new Set<string>();
    for (const table of Object.values(schema)) {
      if (!is(table, SQLiteTable)) continue;
      for (const row of server.db.select().from(table).all()) {
        for (const [name, value] of Object.entries(row)) {
          if (typeof value === "string" && /^oa1\.[0-9a-f]{16}\./.test(value)) sealedColumns.add(name);
        }
      }
    }
    // The check row and the key of Convex tokens are in `value` of the table `installation`.
    expect([...sealedColumns].sort()).toEqual(["instanceSecrets", "sealed", "value"]);
    const named = Object.values(schema).flatMap((table) =>
      is(table, SQLiteTable) ? Object.keys(getTableColumns(table)) : [],
    );
    expect(named.filter((name) => /seal|secret|encrypt/i.test(name)).sort()).toEqual([
      "instanceSecrets",
      "sealed",
    ]);
    expect(SEALED_COLUMNS).toHaveLength(3);
  });
});
