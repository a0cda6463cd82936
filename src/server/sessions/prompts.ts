import { eq } from "drizzle-orm";
import type { Caller } from "../auth/caller";
import { type Clock, isoNow } from "../clock";
import type { Database, Store } from "../db/database";
import { prompts } from "../db/schema";
import { AppError, notFound } from "../errors";
import type { EventLog } from "../events/event-log";
import type { Models } from "../models/models";
import type { Page, PageRequest } from "../page-cursor";
import { asked } from "../sidecar-client/app-error";
import { refusal } from "./decisions";
import { SESSION_LIMITS } from "./limits";
import type { NewPrompt, PromptAnswer } from "./prompt-intake";
import type { PromptQueue } from "./prompt-queue";
import { findSession, mayAccess, requireSession, type SessionRow } from "./session-store";
import {
  cancelPrompt,
  editWaiting,
  listWaiting,
  requireWaiting,
  type WaitingPrompt,
  waitingView,
} from "./waiting-prompts";

/**
 * What people do with prompts. Whoever may write in the session may send, cancel and bring forward, and stop the turn;
 * the text of a prompt is its author's alone to change. Of what waits: every act throws `not_waiting` once it has begun.
 */
export interface Prompts {
  /**
   * Durable when it returns. The same `key` again gives the same answer and runs nothing.
   * @throws AppError `session_stopped`, `too_large`, `unknown_model`, `no_key`; `bad_input` for somebody else's key.
   */
  send(caller: Caller, prompt: Omit<NewPrompt, "userId">): Promise<PromptAnswer>;
  /** The prompts that wait, the next to run first. */
  queue(caller: Caller, opts: PageRequest & { sessionId: string }): Page<WaitingPrompt>;
  /** @throws AppError `not_waiting`, `not_allowed` for somebody else's prompt, `too_large` */
  edit(caller: Caller, edit: { promptId: string; text: string }): WaitingPrompt;
  /** @throws AppError `not_waiting` */
  cancel(caller: Caller, promptId: string): { promptId: string };
  /**
   * The prompt runs next: the running turn ends for it, and what else waits runs after it.
   * @returns `aborted`: a turn was ended
   * @throws AppError `not_waiting`, `session_stopped`; `sidecar_unreachable` when the turn could not be ended: then it is the
   *   next all the same
   */
  sendNow(caller: Caller, promptId: string): Promise<{ promptId: string; aborted: boolean }>;
  /**
   * Ends the running turn, or takes the first waiting prompt out of the line; `aborted` is false when there was neither.
   * `kept`: how many prompts still wait. The next of them begins at once.
   */
  abort(caller: Caller, sessionId: string): Promise<{ aborted: boolean; kept: number }>;
}

export function createPrompts(deps: {
  db: Database;
  log: EventLog;
  clock: Clock;
  queue: PromptQueue;
  models: Pick<Models, "resolve">;
  /** Where a failed hand-over is told; the prompt itself is safe in the queue. */
  onDispatchError(sessionId: string, error: unknown): void;
}): Prompts {
  const { db, log } = deps;
  const handOver = (sessionId: string) => {
    deps.queue.dispatch(sessionId).catch((error: unknown) => deps.onDispatchError(sessionId, error));
  };
  return {
    async send(caller, prompt) {
      const session = requireSession(db, caller, { id: prompt.sessionId, access: "write" });
      const mine = { ...prompt, userId: caller.userId };
      const known = deps.queue.answered(mine);
      if (known) return known;
      const no = refusal("prompt", session.status);
      if (no) throw no;
      requireFitting(prompt);
      if (prompt.kind === "prompt") deps.models.resolve(session.ownerId, prompt.model ?? session.model);
      const answer = deps.queue.add(mine);
      handOver(session.id);
      return answer;
    },
    queue(caller, opts) {
      requireSession(db, caller, { id: opts.sessionId, access: "read" });
      return listWaiting(db, opts);
    },
    edit: (caller, { promptId, text }) =>
      log.transaction((tx) => {
        const { userId } = requirePrompt(tx.store, caller, promptId);
        if (userId !== caller.userId) throw notTheAuthor();
        requireFitting({ kind: requireWaiting(tx.store, promptId).kind, text });
        return waitingView(tx.store, editWaiting(tx, { promptId, text }));
      }),
    cancel: (caller, promptId) =>
      log.transaction((tx) => {
        requirePrompt(tx.store, caller, promptId);
        const now = isoNow(deps.clock);
        cancelPrompt(tx, requireWaiting(tx.store, promptId), { reason: "Taken out of the line.", now });
        return { promptId };
      }),
    async sendNow(caller, promptId) {
      const { session } = requirePrompt(db, caller, promptId);
      requireWaiting(db, promptId);
      const no = refusal("prompt", session.status);
      if (no) throw no;
      try {
        const { aborted } = await asked(deps.queue.sendNow({ id: promptId, sessionId: session.id }), "turn");
        return { promptId, aborted };
      } finally {
        handOver(session.id);
      }
    },
    async abort(caller, sessionId) {
      requireSession(db, caller, { id: sessionId, access: "write" });
      const stopped = await asked(deps.queue.abort(sessionId), "turn");
      handOver(sessionId);
      return stopped;
    },
  };
}

/**
 * Who sent the prompt, and its session, if the caller may write there.
 * @throws AppError `not_found` when it is missing or not theirs to see, alike; readers are told what they lack
 */
function requirePrompt(
  store: Store,
  caller: Caller,
  promptId: string,
): { userId: string; session: SessionRow } {
  const row = store
    .select({ userId: prompts.userId, sessionId: prompts.sessionId })
    .from(prompts)
    .where(eq(prompts.id, promptId))
    .get();
  const session = row && findSession(store, row.sessionId);
  if (!session || !mayAccess(caller, session, "read")) throw notFound("prompt");
  return { userId: row.userId, session: requireSession(store, caller, { id: session.id, access: "write" }) };
}

function requireFitting({ kind, text }: Pick<NewPrompt, "kind" | "text">): void {
  if (kind === "shell" && text.length > SESSION_LIMITS.commandMaxChars) {
    throw tooLarge("A command holds at most 65,536 characters. Put a long one into a file and run that.");
  }
  if (Buffer.byteLength(text) > SESSION_LIMITS.promptMaxBytes) {
    throw tooLarge(
      "A prompt holds at most 1 MiB. Put long material into a file of the workspace and name it.",
    );
  }
}

function tooLarge(message: string): AppError {
  return new AppError("PAYLOAD_TOO_LARGE", "too_large", message);
}

function notTheAuthor(): AppError {
  return new AppError(
    "FORBIDDEN",
    "not_allowed",
    "Somebody else sent this prompt, and its text is theirs to change. Cancel it, or send one of your own.",
  );
}
