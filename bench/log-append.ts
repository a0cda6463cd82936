import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import Libsql from "libsql";
import type { SidecarEventBody } from "../sidecar/src/contract";
import { systemClock } from "../src/server/clock";
import { openDatabase } from "../src/server/db/database";
import { sessions, users } from "../src/server/db/schema";
import { createEventLog } from "../src/server/events/event-log";
import { type BenchContext, ROOT } from "./context";
import { type FigureReport, number } from "./table";

const ROUNDS = 20;
/** What a hundred sessions that all speak have for one commit, and the most that the intake puts into one. */
const BATCHES = [100, 1_000];
const EVENTS_A_ROUND = 5_000;
/** Whose events a batch holds in turn: one after the other is the most work, as rows of each change. */
const SESSIONS = 100;

/** Appends events of many sessions, as the intake does: a batch a transaction, with rows of sessions and outbox in it. */
export async function logAppend(ctx: BenchContext): Promise<FigureReport> {
  const cache = join(ROOT, ".cache");
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, "bench-log-"));
  const removeDir = ctx.cleanup.add(async () => rmSync(dir, { recursive: true, force: true }));
  const ours = openOurs(dir);
  const raw = openRaw(join(dir, "raw.db"));
  try {
    const figures = BATCHES.map((batch) => {
      const [rates, rawRates]: [number[], number[]] = [[], []];
      // The first of each fills caches; it is not counted.
      for (let round = 0; round <= ROUNDS; round++) {
        const rate = eventsPerSecond(batch, ours.append);
        const rawRate = eventsPerSecond(batch, raw.append);
        if (round === 0) continue;
        rates.push(rate);
        rawRates.push(rawRate);
      }
      ctx.progress(`log, ${batch} events a commit: last ${number(rates.at(-1) ?? 0)} events/s`);
      return {
        name: `append to the log, ${batch} events a commit`,
        unit: "events/s" as const,
        ours: rates,
        baseline: rawRates,
        compare: "ratio" as const,
        aim: "≥ 5,000 events/s",
        baselineIs:
          "inserts of the same events into one plain table by the same SQLite, as many a transaction, WAL and synchronous=FULL, on the same disk",
      };
    });
    return { figures, notes: [] };
  } finally {
    ours.close();
    raw.close();
    await removeDir();
  }
}

type Append = (batch: readonly { sessionId: string; body: SidecarEventBody }[]) => void;

function eventsPerSecond(batch: number, append: Append): number {
  const begun = performance.now();
  for (let made = 0; made < EVENTS_A_ROUND; made += batch)
    append(
      Array.from({ length: batch }, (_, i) => ({
        sessionId: `ses_${(made + i) % SESSIONS}`,
        body: delta(made + i),
      })),
    );
  return EVENTS_A_ROUND / ((performance.now() - begun) / 1000);
}

function delta(k: number): SidecarEventBody {
  return {
    type: "part.delta",
    data: { messageId: "msg_bench", partId: "prt_bench", text: `delta ${k} of words that a model says ` },
  };
}

function openOurs(dataDir: string): { append: Append; close(): void } {
  const { db, close } = openDatabase({ dataDir, migrationsDir: join(ROOT, "src/server/db/migrations") });
  const at = new Date(systemClock.now()).toISOString();
  const owner = { id: "usr_bench", email: "b@example.test", name: "Bench", passwordHash: "-", createdAt: at };
  db.insert(users)
    .values({ ...owner, role: "owner" })
    .run();
  for (let i = 0; i < SESSIONS; i++)
    db.insert(sessions)
      .values({
        id: `ses_${i}`,
        ownerId: owner.id,
        title: "Bench",
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
      })
      .run();
  const log = createEventLog({ db, clock: systemClock });
  const held = new Map<string, number>();
  return {
    close,
    append(batch) {
      log.transaction((tx) => {
        for (const { sessionId, body } of batch) {
          const n = (held.get(sessionId) ?? 0) + 1;
          held.set(sessionId, n);
          tx.append(sessionId, body, { epoch: 1, n, at: new Date().toISOString() });
        }
      });
    },
  };
}

function openRaw(file: string): { append: Append; close(): void } {
  const client = new Libsql(file);
  client.pragma("journal_mode = WAL");
  client.pragma("synchronous = FULL");
  client.exec(
    "CREATE TABLE events (session TEXT NOT NULL, at TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL)",
  );
  const insert = client.prepare("INSERT INTO events VALUES (?, ?, ?, ?)");
  const all = client.transaction((batch: Parameters<Append>[0]) => {
    for (const { sessionId, body } of batch)
      insert.run(sessionId, new Date().toISOString(), body.type, JSON.stringify(body.data));
  });
  return { append: (batch) => void all(batch), close: () => void client.close() };
}
