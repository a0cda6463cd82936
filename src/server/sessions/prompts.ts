import type { Caller } from "../auth/caller";
import type { Database } from "../db/database";
import { AppError } from "../errors";
import type { Models } from "../models/models";
import { asked } from "../sidecar-client/app-error";
import { refusal } from "./decisions";
import { SESSION_LIMITS } from "./limits";
import type { NewPrompt, PromptQueue } from "./prompt-queue";
import { requireSession } from "./session-store";

export interface Prompts {
  /**
   * Durable when it returns. The same `key` again gives the same answer and runs nothing.
   * @throws AppError `session_stopped`, `too_large`, `unknown_model`, `no_key`; `bad_input` for somebody else's key.
   */
  send(
    caller: Caller,
    prompt: Omit<NewPrompt, "userId">,
  ): Promise<{ promptId: string; state: "running" | "queued" }>;
  /** Ends the running turn, or takes the first waiting prompt out of the line; `aborted` is false when there was neither. */
  abort(caller: Caller, sessionId: string): Promise<{ aborted: boolean }>;
}

export function createPrompts(deps: {
  db: Database;
  queue: PromptQueue;
  models: Pick<Models, "resolve">;
  /** Where a failed hand-over is told; the prompt itself is safe in the queue. */
  onDispatchError(sessionId: string, error: unknown): void;
}): Prompts {
  const handOver = (sessionId: string) => {
    deps.queue.dispatch(sessionId).catch((error: unknown) => deps.onDispatchError(sessionId, error));
  };
  return {
    async send(caller, prompt) {
      const session = requireSession(deps.db, caller, { id: prompt.sessionId, access: "write" });
      const mine = { ...prompt, userId: caller.userId };
      const known = deps.queue.answered(mine);
      if (known) return known;
      const no = refusal("prompt", session.status);
      if (no) throw no;
      if (Buffer.byteLength(prompt.text) > SESSION_LIMITS.promptMaxBytes) throw tooLarge();
      if (prompt.kind === "prompt") deps.models.resolve(session.ownerId, prompt.model ?? session.model);
      const answer = deps.queue.add(mine);
      handOver(session.id);
      return answer;
    },
    async abort(caller, sessionId) {
      requireSession(deps.db, caller, { id: sessionId, access: "write" });
      const aborted = await asked(deps.queue.abort(sessionId), "turn");
      handOver(sessionId);
      return { aborted };
    },
  };
}

function tooLarge(): AppError {
  return new AppError(
    "PAYLOAD_TOO_LARGE",
    "too_large",
    "A prompt holds at most 1 MiB. Put long material into a file of the workspace and name it.",
  );
}
