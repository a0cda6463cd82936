/** For the tests of rotation: an installation with sealed records of every kind, as the server composes it. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { Caller } from "../auth/caller";
import { systemClock } from "../clock";
import { composeKeys, type KeyServices } from "../compose-keys";
import { openDatabase, type Database } from "../db/database";
import { sessions, users, type Role } from "../db/schema";
import { createEventLog } from "../events/event-log";
import { bundledCatalog } from "../models/bundled-catalog";
import { createRegistrar, type InstanceSecrets, type Registrar } from "../sessions/registration";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { Registration } from "../../../sidecar/src/registration/registration";
import { MIGRATIONS_DIR } from "../project";

export const INSTANCE = "ins_rotation0000";

export function person(userId: string, role: Role = "member"): Caller {
  const via = { kind: "browser", loginSessionId: "lgn_1" } as const;
  return { userId, email: `${userId}@example.test`, name: userId, role, via };
}

/** A running server's part of it, until it is closed. */
export interface Running extends KeyServices {
  db: Database;
  registrar: Registrar;
  /** Lines of the log. */
  logged: string[];
  close(): void;
}

export interface Installation extends Disposable {
  dataDir: string;
  keyFile: string;
  /** Names beside the master key's file, itself included. */
  keyFiles(): string[];
  /** Starts as the server does, with the key that the disk and the database say is in force. */
  boot(): Running;
}

export function installation(): Installation {
  const dataDir = mkdtempSync(join(tmpdir(), "oa-rotation-"));
  const secretsDir = join(dataDir, "secrets");
  mkdirSync(secretsDir);
  const keyFile = join(secretsDir, "master.key");
  return {
    dataDir,
    keyFile,
    keyFiles: () => readdirSync(secretsDir).sort(),
    boot: () => bootFrom({ dataDir, keyFile }),
    [Symbol.dispose]: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

/** @throws what the server's start throws, with nothing left open */
export function bootFrom({ dataDir, keyFile }: { dataDir: string; keyFile: string }): Running {
  const { db, close } = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
  const logged: string[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void logged.push(line) });
  try {
    const env = { masterKeyFile: keyFile, allowPrivate: [] };
    const keys = composeKeys({ db, env, catalog: bundledCatalog(), clock: systemClock, log });
    const eventLog = createEventLog({ db, clock: systemClock });
    const registrar = createRegistrar({ db, log: eventLog, clock: systemClock, box: keys.box });
    return { ...keys, db, registrar, logged, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** A session whose container registered for real, so that its row holds sealed secrets. @returns them */
export async function addRegisteredSession(
  { db, registrar }: Running,
  sessionId: string,
): Promise<InstanceSecrets> {
  const at = new Date(systemClock.now()).toISOString();
  const settings = {
    model: { providerId: "demo", modelId: "demo-1" },
    agent: "build",
    permissionMode: "ask" as const,
    title: "T",
  };
  db.insert(users)
    .values({
      id: "usr_o",
      email: "o@example.test",
      name: "O",
      role: "owner",
      passwordHash: "-",
      createdAt: at,
    })
    .onConflictDoNothing()
    .run();
  db.insert(sessions)
    .values({
      id: sessionId,
      ownerId: "usr_o",
      ...settings,
      status: "idle",
      agentState: "awake",
      visibility: "private",
      epoch: 1,
      heldEpoch: 0,
      heldN: 0,
      lastSeq: 0,
      instanceId: INSTANCE,
      createdAt: at,
      lastActivityAt: at,
    })
    .run();
  const token = registrar.issue(sessionId, INSTANCE);
  const sidecar = await Registration.create({
    boot: { sessionId, instanceId: INSTANCE, token },
    version: "test",
    onRegistered: async () => undefined,
    onExhausted: () => undefined,
  });
  const client: Pick<SidecarClient, "offer" | "complete"> = {
    offer: async (nonce) => sidecar.offer(nonce),
    complete: (sealed) => sidecar.complete(sealed),
  };
  return registrar.register({
    sessionId,
    instanceId: INSTANCE,
    token,
    client: client as SidecarClient,
    providers: [],
    settings,
  });
}

/** @returns null when the session has none that open */
export function secretsOf({ db, registrar }: Running, sessionId: string): InstanceSecrets | null {
  const row = db
    .select()
    .from(sessions)
    .all()
    .find(({ id }) => id === sessionId);
  return row === undefined ? null : registrar.secretsOf(row);
}
