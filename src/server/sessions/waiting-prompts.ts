/** The prompts that wait in a session's line: what people see of them, and what they may change. */
import { and, asc, count, eq, lt, min, type SQL } from "drizzle-orm";
import type { ModelRef } from "../../../sidecar/src/contract";
import type { Store } from "../db/database";
import { prompts } from "../db/schema";
import { AppError, notFound } from "../errors";
import type { LogTransaction } from "../events/event-log";
import { behindPlace, type Page, pageOf, type PageRequest } from "../page-cursor";
import type { PromptId, PromptRow } from "./running-prompt";

/** As the API gives it. `by`: a user's id. `position`: 1 is the next to run. `createdAt`: ISO 8601 UTC. */
export interface WaitingPrompt {
  promptId: string;
  sessionId: string;
  text: string;
  kind: "prompt" | "shell";
  state: "queued";
  by: string;
  position: number;
  model: ModelRef | null;
  agent: string | null;
  effort: string | null;
  attachments: { name: string; mime: string }[];
  createdAt: string;
}

/** All of it but the attachments' content. */
export function listWaiting(store: Store, opts: PageRequest & { sessionId: string }): Page<WaitingPrompt> {
  const rows = store
    .select()
    .from(prompts)
    .where(and(isWaitingIn(opts.sessionId), behindPlace(opts.cursor, prompts.position)))
    .orderBy(asc(prompts.position))
    .limit(opts.limit + 1)
    .all();
  const [first] = rows;
  const before = first === undefined ? 0 : countBefore(store, first);
  return pageOf(rows, opts.limit, {
    positionOf: ({ position, id }) => ({ at: position, id }),
    itemOf: (row, index) => viewOf(row, before + index + 1),
  });
}

export function waitingView(store: Store, row: PromptRow): WaitingPrompt {
  return viewOf(row, countBefore(store, row) + 1);
}

export function countWaiting(store: Store, sessionId: string): number {
  return counted(store, isWaitingIn(sessionId));
}

/** @throws AppError `not_found` for none, `not_waiting` with what has become of it */
export function requireWaiting(store: Store, promptId: string): PromptRow {
  const row = store.select().from(prompts).where(eq(prompts.id, promptId)).get();
  if (!row) throw notFound("prompt");
  switch (row.state) {
    case "queued":
      return row;
    case "running":
      throw notWaiting("The prompt already runs. Stop the turn instead, or send another prompt.");
    case "done":
      throw notWaiting("The prompt has run already. Send a new one instead.");
    case "cancelled":
      throw notWaiting("The prompt was cancelled already. Send it again if it is still wanted.");
  }
}

/** The same text again changes nothing. @throws AppError as {@link requireWaiting} */
export function editWaiting(tx: LogTransaction, edit: { promptId: string; text: string }): PromptRow {
  const row = requireWaiting(tx.store, edit.promptId);
  if (row.text === edit.text) return row;
  tx.store.update(prompts).set({ text: edit.text }).where(eq(prompts.id, row.id)).run();
  tx.append(row.sessionId, { type: "prompt.edited", data: edit });
  return { ...row, text: edit.text };
}

/** Before all others that wait. @throws AppError as {@link requireWaiting} */
export function moveToFront(tx: LogTransaction, promptId: string): void {
  const row = requireWaiting(tx.store, promptId);
  if (countBefore(tx.store, row) === 0) return;
  const first = tx.store
    .select({ position: min(prompts.position) })
    .from(prompts)
    .where(isWaitingIn(row.sessionId))
    .get();
  tx.store
    .update(prompts)
    .set({ position: (first?.position ?? row.position) - 1 })
    .where(eq(prompts.id, row.id))
    .run();
  tx.append(row.sessionId, { type: "prompt.moved", data: { promptId, position: 1 } });
}

/** Whatever its state: the caller knows that nothing will come of it. */
export function cancelPrompt(
  tx: LogTransaction,
  prompt: PromptId,
  opts: { reason: string; now: string },
): void {
  tx.store
    .update(prompts)
    .set({ state: "cancelled", endedAt: opts.now })
    .where(eq(prompts.id, prompt.id))
    .run();
  tx.append(prompt.sessionId, {
    type: "prompt.cancelled",
    data: { promptId: prompt.id, reason: opts.reason },
  });
}

function notWaiting(message: string): AppError {
  return new AppError("CONFLICT", "not_waiting", message);
}

function isWaitingIn(sessionId: string): SQL | undefined {
  return and(eq(prompts.sessionId, sessionId), eq(prompts.state, "queued"));
}

function countBefore(store: Store, { sessionId, position }: PromptRow): number {
  return counted(store, and(isWaitingIn(sessionId), lt(prompts.position, position)));
}

function counted(store: Store, condition: SQL | undefined): number {
  return store.select({ n: count() }).from(prompts).where(condition).get()?.n ?? 0;
}

function viewOf(row: PromptRow, position: number): WaitingPrompt {
  return {
    promptId: row.id,
    sessionId: row.sessionId,
    text: row.text,
    kind: row.kind,
    state: "queued",
    by: row.userId,
    position,
    model: row.model,
    agent: row.agent,
    effort: row.effort,
    attachments: (row.attachments ?? []).map(({ name, mime }) => ({ name, mime })),
    createdAt: row.createdAt,
  };
}
