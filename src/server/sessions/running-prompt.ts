import { and, asc, eq, sql } from "drizzle-orm";
import { preparedOnce, type Store } from "../db/database";
import { prompts } from "../db/schema";
import { SESSION_LIMITS } from "./limits";
import { pause } from "./pause";

export type PromptRow = typeof prompts.$inferSelect;
/** A prompt without what may be large in it: text and attachments. */
export type PromptId = Pick<PromptRow, "id" | "sessionId">;

/** Asked with every batch of events, so it reads no content. */
export function firstInState(
  store: Store,
  sessionId: string,
  state: "running" | "queued",
): PromptId | undefined {
  return promptStatements(store).first.get({ sessionId, state });
}

const promptStatements = preparedOnce((db) => ({
  first: db
    .select({ id: prompts.id, sessionId: prompts.sessionId })
    .from(prompts)
    .where(
      and(eq(prompts.sessionId, sql.placeholder("sessionId")), eq(prompts.state, sql.placeholder("state"))),
    )
    .orderBy(asc(prompts.position))
    .limit(1)
    .prepare(),
}));

/** The prompt that runs, else the next in line. */
export function firstOpen(store: Store, sessionId: string): PromptId | undefined {
  return firstInState(store, sessionId, "running") ?? firstInState(store, sessionId, "queued");
}

/** Waits a moment for the end of a stopped turn, whose last events are on the way to the log. */
export async function untilEnded(store: Store, promptId: string): Promise<void> {
  const deadline = performance.now() + SESSION_LIMITS.abortGraceMs;
  const isRunning = () =>
    store.select({ state: prompts.state }).from(prompts).where(eq(prompts.id, promptId)).get()?.state ===
    "running";
  while (isRunning() && performance.now() < deadline) await pause(SESSION_LIMITS.pollMs);
}
