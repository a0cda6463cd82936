/**
 * Changes the master key of an installation and kills itself, as `kill -9` does, before its n-th step: a step is a call that
 * changes files, half a write, a changed row, the commit. Run by rotation-crash.test.ts with the data directory, the key's file and n;
 * says how many steps there were when it survives.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { Database } from "../db/database";
import { holdMasterKey } from "./master-key";
import { loadMasterKey } from "./load-master-key";
import { createMasterKeyRotation } from "./rotate-master-key";
import { bootFrom } from "./rotation-bench.testing";

const [dataDir = "", keyFile = "", fatal = ""] = process.argv.slice(2);
const steps = { taken: 0 };

function step(): void {
  steps.taken += 1;
  if (steps.taken === Number(fatal)) process.kill(process.pid, "SIGKILL");
}

type Call = (...args: unknown[]) => unknown;

/** Puts a step before each call of these functions, for whoever imports them, however they did. */
function stepBefore(names: readonly (keyof typeof fs)[]): void {
  for (const name of names) {
    const real = fs[name] as Call;
    Reflect.set(fs, name, (...args: unknown[]) => {
      step();
      if (name === "writeFileSync") writeHalf(real, args);
      return real(...args);
    });
  }
  syncBuiltinESMExports();
}

/** To the same descriptor; when it survives, the rest is written over it. */
function writeHalf(real: Call, [fd, text]: unknown[]): void {
  if (typeof fd !== "number" || typeof text !== "string") throw new Error("not the write that was expected");
  fs.writeSync(fd, text.slice(0, text.length / 2), 0);
  step();
  fs.ftruncateSync(fd, 0);
}

/** The same database, with a step before each changed row, before the commit and after it. */
function stepping(db: Database): Database {
  const transaction: Database["transaction"] = (act, config) => {
    const done = db.transaction((tx) => {
      const update: typeof tx.update = (table) => {
        step();
        return tx.update(table);
      };
      const result = act(Object.assign(Object.create(tx) as typeof tx, { update }));
      step();
      return result;
    }, config);
    step();
    return done;
  };
  return Object.assign(Object.create(db) as Database, { transaction });
}

const { db, close } = bootFrom({ dataDir, keyFile });
const master = holdMasterKey(loadMasterKey({ file: keyFile, db }));
const log = { info: () => undefined, warn: () => undefined };
stepBefore(["openSync", "writeFileSync", "fsyncSync", "closeSync", "renameSync", "unlinkSync", "rmSync"]);
const { rotated } = createMasterKeyRotation({ db: stepping(db), file: keyFile, master, log }).rotate();
const taken = steps.taken;
close();
process.stdout.write(JSON.stringify({ rotated, steps: taken }));
