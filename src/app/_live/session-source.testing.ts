/** For tests: a server's log of one session and a mirror of it, both in the test's hands. */
import type { SessionEvent } from "../../../sidecar/src/contract";
import type { Session } from "../../server/sessions/session-store";
import { timelineOf } from "../../timeline/timeline";
import { timelineWindow, type TimelineWindow } from "../../timeline/window";
import { WINDOW } from "./event-feed";
import type { EventRow } from "./parse-event";
import { SessionGoneError, type SessionSource } from "./session-source";

export function rowOf({ seq, at, type, data }: SessionEvent): EventRow {
  return { seq, at, type, data: JSON.stringify(data) };
}

export function sessionAt(lastSeq: number, change: Partial<Session> = {}): Session {
  return {
    id: "ses_1",
    title: "Fix login",
    status: "idle",
    step: null,
    reason: null,
    model: { providerId: "demo", modelId: "demo-1" },
    agent: "build",
    permissionMode: "ask",
    repo: null,
    owner: { id: "usr_1", name: "Alice" },
    visibility: "private",
    busy: false,
    needsInput: false,
    agentState: "awake",
    archived: false,
    idleStopMinutes: null,
    stopsAt: null,
    queue: null,
    image: null,
    version: null,
    unread: false,
    createdAt: "2026-11-25T10:00:00.000Z",
    lastActivityAt: "2026-11-25T10:00:00.000Z",
    lastSeq,
    ...change,
  };
}

/** Windows of the mirror, and who watches them. */
export interface ScriptedMirror {
  /** What it holds. */
  rows: readonly EventRow[];
  watchWindow: SessionSource["watchWindow"];
  /** Tells those who watch. */
  tell(): void;
  /** Where the windows that are watched begin. */
  readonly open: readonly number[];
  /** Where those that were ever watched begin. */
  readonly opened: readonly number[];
}

/** @param opts.isQuick it holds the rows of a window before that is watched, as a client that watches it already */
export function scriptedMirror({ isQuick = false } = {}): ScriptedMirror {
  const watches = new Set<{ afterSeq: number; onRows: (rows: readonly EventRow[]) => void }>();
  const opened: number[] = [];
  const rowsAfter = (afterSeq: number) => mirror.rows.filter(({ seq }) => seq > afterSeq).slice(0, WINDOW);
  const mirror: ScriptedMirror = {
    rows: [],
    watchWindow(afterSeq, onRows) {
      const watch = { afterSeq, onRows };
      watches.add(watch);
      opened.push(afterSeq);
      if (isQuick) onRows(rowsAfter(afterSeq));
      return () => void watches.delete(watch);
    },
    tell() {
      // As the client does: whoever ended its watch meanwhile hears nothing.
      for (const watch of [...watches]) if (watches.has(watch)) watch.onRows(rowsAfter(watch.afterSeq));
    },
    get open() {
      return [...watches].map(({ afterSeq }) => afterSeq).sort((a, b) => a - b);
    },
    opened,
  };
  return mirror;
}

export interface ScriptedServer {
  source: SessionSource;
  mirror: ScriptedMirror;
  /** The server's log. */
  log: SessionEvent[];
  /** What the server says instead of an answer. */
  failure: Error | null;
  /** Answers wait for {@link ScriptedServer.answer}. */
  isSlow: boolean;
  /** Gives what waits, as it was when it was asked for. @returns how many */
  answer(): number;
  /** Brings the mirror up to this event, or all, of which it keeps the last `kept`. */
  mirrorTo(seq?: number, kept?: number): void;
  tellSession(session: Session | null): void;
  /** What was asked, in order. */
  readonly asked: readonly string[];
  readonly watchesSession: boolean;
}

const PAGE = 6;

/** @param opts.page messages of a window */
export function scriptedServer(log: SessionEvent[], opts: { isQuick?: boolean; page?: number } = {}) {
  const mirror = scriptedMirror(opts);
  const sessionWatches = new Set<(session: Session | null) => void>();
  const waiting: (() => void)[] = [];
  const asked: string[] = [];
  const reply = <T>(what: string, value: () => T): Promise<T> => {
    asked.push(what);
    const { failure } = server;
    const answer = failure === null ? value() : null;
    return new Promise((resolve, reject) => {
      const go = () => (answer === null ? reject(failure ?? new SessionGoneError("gone")) : resolve(answer));
      if (server.isSlow) waiting.push(go);
      else go();
    });
  };
  const windowOf = (beforeSeq?: number): TimelineWindow => {
    const window = timelineWindow(timelineOf(server.log), {
      ...(beforeSeq === undefined ? {} : { beforeSeq }),
      limit: opts.page ?? PAGE,
    });
    return JSON.parse(JSON.stringify(window)) as TimelineWindow;
  };
  const server: ScriptedServer = {
    source: {
      session: () => reply("session", () => sessionAt(server.log.at(-1)?.seq ?? 0)),
      timeline: ({ beforeSeq }) =>
        reply(beforeSeq === undefined ? "newest" : `before ${beforeSeq}`, () => windowOf(beforeSeq)),
      watchSession(onSession) {
        sessionWatches.add(onSession);
        return () => void sessionWatches.delete(onSession);
      },
      watchWindow: mirror.watchWindow,
    },
    mirror,
    log,
    failure: null,
    isSlow: false,
    answer() {
      const count = waiting.length;
      for (const go of waiting.splice(0)) go();
      return count;
    },
    mirrorTo(seq = Infinity, kept = Infinity) {
      const rows = server.log.filter((event) => event.seq <= seq).map(rowOf);
      mirror.rows = kept === Infinity ? rows : rows.slice(-kept);
      mirror.tell();
    },
    tellSession(session) {
      for (const onSession of sessionWatches) onSession(session);
    },
    asked,
    get watchesSession() {
      return sessionWatches.size > 0;
    },
  };
  return server;
}

/** Until all that follows from what is known now has happened. */
export async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
