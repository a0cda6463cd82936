import { useRef, useState } from "react";
import type { ModelRef } from "../../../../../../sidecar/src/contract";
import type { Session } from "../../../../../server/sessions/session-store";
import { api } from "../../../../_client/api";
import { reasonOf } from "../../../../_client/reason-of";
import { sentenceOf } from "../../../../_client/sentence-of";
import { newKey } from "./new-key";

interface Outgoing {
  text: string;
  /** null: the session's own. */
  model: ModelRef | null;
  /** Before all that waits; the turn that runs is stopped for it. */
  isNow: boolean;
}

/**
 * Sends one text at a time; a stopped session is resumed for it. The same text sent again after a failure runs once, even
 * if the first did arrive.
 */
export function useSend({ id: sessionId, status }: Pick<Session, "id" | "status">): {
  isSending: boolean;
  error: string | null;
  /** @returns whether it arrived */
  send(outgoing: Outgoing): Promise<boolean>;
} {
  const [isSending, setSending] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const last = useRef<{ what: string; key: string } | null>(null);
  const send = async ({ text, model, isNow }: Outgoing): Promise<boolean> => {
    if (isSending) return false;
    const what = JSON.stringify([text, model]);
    const key = last.current?.what === what ? last.current.key : newKey();
    last.current = { what, key };
    setSending(true);
    setError(null);
    try {
      if (status === "stopped")
        await unlessBegun(() => api.sessions.resume.mutate({ id: sessionId }), "session_busy");
      const { promptId, state } = await deliver({ sessionId, text, key, model });
      if (isNow && state === "queued")
        await unlessBegun(() => api.prompts.sendNow.mutate({ promptId }), "not_waiting");
      last.current = null;
      return true;
    } catch (cause) {
      setError(sentenceOf(cause));
      return false;
    } finally {
      setSending(false);
    }
  };
  return { isSending, error, send };
}

/** @param act asks the server; somebody else may have been first, which it gives as `reason`: then nothing is left to do */
export async function unlessBegun(
  act: () => Promise<unknown>,
  reason: "session_busy" | "not_waiting",
): Promise<void> {
  await act().catch((cause: unknown) => {
    if (reasonOf(cause) !== reason) throw cause;
  });
}

function deliver({
  sessionId,
  text,
  key,
  model,
}: Omit<Outgoing, "isNow"> & { sessionId: string; key: string }) {
  const command = commandIn(text);
  return command === null
    ? api.prompts.send.mutate({ sessionId, text, key, ...(model === null ? {} : { model }) })
    : api.prompts.shell.mutate({ sessionId, command, key });
}

/** `! npm test` is run in the workspace, beside the agent. @returns null for what is for the agent */
export function commandIn(text: string): string | null {
  return /^!\s*(\S[\s\S]*)$/.exec(text)?.[1] ?? null;
}
