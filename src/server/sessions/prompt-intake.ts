/** How prompts come into a session's line: once a key, and no more than can be waited for. */
import { and, eq, max } from "drizzle-orm";
import type { ModelRef } from "../../../sidecar/src/contract";
import type { Store } from "../db/database";
import { type Attachment, prompts } from "../db/schema";
import { AppError } from "../errors";
import type { LogTransaction } from "../events/event-log";
import { newId } from "../ids";
import { titleByPrompt } from "./decisions";
import { SESSION_LIMITS } from "./limits";
import { setTitle } from "./session-marks";
import { findSession } from "./session-store";
import { countWaiting } from "./waiting-prompts";

export interface NewPrompt {
  sessionId: string;
  userId: string;
  key: string;
  kind: "prompt" | "shell";
  text: string;
  model?: ModelRef | undefined;
  agent?: string | undefined;
  effort?: string | undefined;
  attachments?: Attachment[] | undefined;
}

/** What `prompts.send` answers. */
export interface PromptAnswer {
  promptId: string;
  state: "running" | "queued";
}

/**
 * The answer given before for this key, if any; what has become of the prompt since does not change it.
 * @throws AppError `bad_input` when it was given to somebody else, whose prompt this is not
 */
export function answeredBefore(
  store: Store,
  { sessionId, userId, key }: Pick<NewPrompt, "sessionId" | "userId" | "key">,
): PromptAnswer | null {
  const row = store
    .select({ promptId: prompts.id, state: prompts.answeredState, userId: prompts.userId })
    .from(prompts)
    .where(and(eq(prompts.sessionId, sessionId), eq(prompts.key, key)))
    .get();
  if (!row) return null;
  if (row.userId !== userId) {
    throw new AppError(
      "CONFLICT",
      "bad_input",
      "Somebody else used this key in this session. Send the prompt with another one, such as a UUID.",
    );
  }
  return { promptId: row.promptId, state: row.state };
}

/** @throws AppError `session_busy` */
export function requireRoom(store: Store, sessionId: string): void {
  const most = SESSION_LIMITS.maxWaitingPrompts;
  if (countWaiting(store, sessionId) < most) return;
  throw new AppError(
    "CONFLICT",
    "session_busy",
    `${most} prompts wait in this session already. Let some of them run, or cancel some, then send it again.`,
  );
}

/** At the end of the line. @returns the prompt's id */
export function insertPrompt(
  tx: LogTransaction,
  prompt: NewPrompt,
  opts: { state: "running" | "queued"; now: string },
): string {
  const id = newId("prm");
  const last = tx.store
    .select({ position: max(prompts.position) })
    .from(prompts)
    .where(eq(prompts.sessionId, prompt.sessionId))
    .get();
  tx.store
    .insert(prompts)
    .values({
      ...prompt,
      id,
      state: "queued",
      answeredState: opts.state,
      position: (last?.position ?? 0) + 1,
      createdAt: opts.now,
    })
    .run();
  tx.append(prompt.sessionId, {
    type: "prompt.queued",
    data: {
      promptId: id,
      text: prompt.text,
      kind: prompt.kind,
      by: prompt.userId,
      ...(prompt.model ? { model: prompt.model } : {}),
      ...(prompt.agent ? { agent: prompt.agent } : {}),
    },
  });
  return id;
}

/** Names a session that nobody named by its first prompt. */
export function titleUntitled(tx: LogTransaction, { sessionId, text }: NewPrompt): void {
  const session = findSession(tx.store, sessionId);
  const title = session ? titleByPrompt(session, text) : null;
  if (session && title !== null) setTitle(tx, session, title);
}
