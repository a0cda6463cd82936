import type { ConvexReactClient } from "convex/react";
import { api as mirror } from "../../../convex/_generated/api";
import type { Session } from "../../server/sessions/session-store";
import type { TimelineWindow } from "../../timeline/window";
import { api } from "../_client/api";
import { WINDOW } from "./event-feed";
import type { EventRow } from "./parse-event";
import { reasonOf } from "../_client/reason-of";
import { parseSession } from "./parse-rows";
import { watch, type WatchRefusal } from "./watch";

/** The server's word that the session is gone, or is not the caller's to see. */
export class SessionGoneError extends Error {
  override readonly name = "SessionGoneError";
}

/** The server's word that nobody is signed in. */
export class SignedOutError extends Error {
  override readonly name = "SignedOutError";
}

/** Where a session's live store has its session from: the server's word, and the mirror's news. */
export interface SessionSource {
  /** @throws SessionGoneError, SignedOutError; anything else when the server does not answer */
  session(): Promise<Session>;
  /** The newest messages, or those before `beforeSeq`. @throws as {@link SessionSource.session} */
  timeline(opts: { beforeSeq?: number | undefined }): Promise<TimelineWindow>;
  /** @param onSession null: the mirror has no such session for the caller. @returns ends it */
  watchSession(onSession: (session: Session | null) => void): () => void;
  /** @returns ends it */
  watchWindow(afterSeq: number, onRows: (rows: readonly EventRow[]) => void): () => void;
}

const ANSWER_MS = 20_000;
// Function references are made anew at each access.
const sessionsGet = mirror.sessions.get;
const eventsWindow = mirror.sessionEvents.window;

export function createSessionSource(deps: {
  sessionId: string;
  client: ConvexReactClient;
  /** The mirror or the server says that nobody is signed in. */
  onSignedOut(): void;
  /** The mirror says that there is no such session. */
  onNotFound(): void;
}): SessionSource {
  const { sessionId, client } = deps;
  const onRefused = (refusal: WatchRefusal, error: unknown) => {
    if (refusal === "signed_out") deps.onSignedOut();
    else if (refusal === "not_found") deps.onNotFound();
    else console.warn("A live query failed", error);
  };
  const asked = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (cause) {
      const refusal = refused(cause);
      if (refusal instanceof SignedOutError) deps.onSignedOut();
      throw refusal ?? cause;
    }
  };
  return {
    session: () => asked(api.sessions.get.query({ id: sessionId }, soon())),
    timeline: ({ beforeSeq }) => asked(api.sessions.timeline.query({ id: sessionId, beforeSeq }, soon())),
    watchSession: (onSession) =>
      watch(client, {
        query: sessionsGet,
        args: { sessionId },
        onValue: (row) => onSession(row === null ? null : parseSession(row)),
        onRefused,
      }),
    watchWindow: (afterSeq, onRows) =>
      watch(client, {
        query: eventsWindow,
        args: { sessionId, afterSeq, limit: WINDOW },
        onValue: onRows,
        onRefused,
      }),
  };
}

/** A server that takes a call and says nothing does not answer. */
const soon = () => ({ signal: AbortSignal.timeout(ANSWER_MS) });

/** @returns null for what is no refusal of the server's */
function refused(cause: unknown): SessionGoneError | SignedOutError | null {
  const reason = reasonOf(cause);
  if (reason === "not_found") return new SessionGoneError("This session is gone, or is not yours to see.");
  if (reason === "not_signed_in") return new SignedOutError("Nobody is signed in here. Sign in again.");
  return null;
}
