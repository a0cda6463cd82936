/** A real database with one session in it, for tests of what stands on the log. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ManualClock, manualClock } from "../clock.testing";
import { MIGRATIONS_DIR } from "../project";
import { type Database, openDatabase } from "./database";
import { sessions, users } from "./schema";

export interface TestDatabase extends Disposable {
  db: Database;
  clock: ManualClock;
  /** Goes with it. */
  dataDir: string;
  sessionId: string;
  userId: string;
  addSession(id: string, over?: Partial<typeof sessions.$inferInsert>): void;
}

const START = Date.UTC(2026, 10, 1);

export function testDatabase(): TestDatabase {
  const dataDir = mkdtempSync(join(tmpdir(), "oa-test-"));
  const open = openDatabase({ dataDir, migrationsDir: MIGRATIONS_DIR });
  const clock = manualClock(START);
  const userId = "usr_owner00000000";
  const at = new Date(START).toISOString();
  open.db
    .insert(users)
    .values({
      id: userId,
      email: "o@example.test",
      name: "Owner",
      role: "owner",
      passwordHash: "-",
      createdAt: at,
    })
    .run();
  const addSession = (id: string, over: Partial<typeof sessions.$inferInsert> = {}) => {
    open.db
      .insert(sessions)
      .values({
        id,
        ownerId: userId,
        title: "Test",
        status: "idle",
        agentState: "awake",
        model: { providerId: "demo", modelId: "demo-1" },
        agent: "build",
        permissionMode: "ask",
        visibility: "private",
        epoch: 1,
        heldEpoch: 0,
        heldN: 0,
        lastSeq: 0,
        createdAt: at,
        lastActivityAt: at,
        ...over,
      })
      .run();
  };
  const sessionId = "ses_test000000000";
  addSession(sessionId);
  return {
    db: open.db,
    clock,
    dataDir,
    sessionId,
    userId,
    addSession,
    [Symbol.dispose]() {
      open.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
