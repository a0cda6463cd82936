import { and, eq, isNull } from "drizzle-orm";
import type { WebSocket } from "ws";
import type { Caller } from "../auth/caller";
import { type Clock, isoNow } from "../clock";
import type { Database } from "../db/database";
import { type sessions, terminals } from "../db/schema";
import { AppError, notFound } from "../errors";
import type { TerminalInfo } from "../../../sidecar/src/protocol";
import { newId } from "../ids";
import type { Connection } from "../sessions/connections";
import { refusal } from "../sessions/decisions";
import { getSession, mayStill, requireSession } from "../sessions/session-store";
import { asked } from "../sidecar-client/app-error";
import type { TicketGrant, Tickets } from "./tickets";

/** A shell in a session's container. */
export interface Terminal {
  id: string;
  sessionId: string;
  createdAt: string;
  cols: number;
  rows: number;
  running: boolean;
  exitCode: number | null;
}

/** All of it needs write access to the session: whoever types there acts in it. */
export interface Terminals {
  create(caller: Caller, opts: { sessionId: string; cols: number; rows: number }): Promise<Terminal>;
  list(caller: Caller, sessionId: string): Promise<Terminal[]>;
  ticket(caller: Caller, terminalId: string): Promise<{ ticket: string; expiresAt: string }>;
  close(caller: Caller, terminalId: string): Promise<void>;
  /**
   * A socket to the terminal in its container.
   * @throws AppError when the session does not run, or its person has lost the right to type there.
   */
  attach(grant: TicketGrant, afterByte: number): WebSocket;
  /** Ends the attached sockets of people who have lost the right to type in the session. Programs and other viewers go on. */
  recheckAccess(sessionId: string): void;
}

export function createTerminals(deps: {
  db: Database;
  clock: Clock;
  tickets: Tickets;
  connectionOf(sessionId: string): Connection | null;
}): Terminals {
  const { db } = deps;
  const attached = new Map<WebSocket, TicketGrant>();
  const mayType = ({ userId, sessionId }: TicketGrant) =>
    mayStill(db, { userId, id: sessionId, access: "write" });

  const connected = ({ id, status }: SessionFacts): Connection => {
    const connection = deps.connectionOf(id);
    if (!connection) throw refusal("terminal", status) ?? outOfReach();
    return connection;
  };
  const own = (caller: Caller, terminalId: string) => {
    const row = db
      .select()
      .from(terminals)
      .where(and(eq(terminals.id, terminalId), isNull(terminals.closedAt)))
      .get();
    if (!row) throw notFound("terminal");
    return { row, session: requireSession(db, caller, { id: row.sessionId, access: "write" }) };
  };

  return {
    async create(caller, opts) {
      const session = requireSession(db, caller, { id: opts.sessionId, access: "write" });
      const no = refusal("terminal", session.status);
      if (no) throw no;
      const connection = connected(session);
      const id = newId("trm");
      const createdAt = isoNow(deps.clock);
      await asked(
        connection.client.createTerminal({ terminalId: id, cols: opts.cols, rows: opts.rows }),
        "terminal",
      );
      db.insert(terminals)
        .values({
          id,
          sessionId: session.id,
          instanceId: connection.instanceId,
          createdBy: caller.userId,
          createdAt,
        })
        .run();
      return {
        id,
        sessionId: session.id,
        createdAt,
        cols: opts.cols,
        rows: opts.rows,
        running: true,
        exitCode: null,
      };
    },
    async list(caller, sessionId) {
      const session = requireSession(db, caller, { id: sessionId, access: "write" });
      // What does not run has none; of what runs and is out of reach nobody can tell.
      if (refusal("terminal", session.status) && !deps.connectionOf(sessionId)) return [];
      const connection = connected(session);
      const rows = new Map(
        db
          .select()
          .from(terminals)
          .where(and(eq(terminals.sessionId, sessionId), isNull(terminals.closedAt)))
          .all()
          .map((row) => [row.id, row]),
      );
      const live = await asked(connection.client.listTerminals(), "terminal");
      takeOver(db, { rows, live, instanceId: connection.instanceId });
      return live.flatMap((info) => {
        const row = rows.get(info.terminalId);
        return row
          ? [
              {
                id: row.id,
                sessionId,
                createdAt: row.createdAt,
                cols: info.cols,
                rows: info.rows,
                running: info.running,
                exitCode: info.exitCode,
              },
            ]
          : [];
      });
    },
    async ticket(caller, terminalId) {
      const { row, session } = own(caller, terminalId);
      const { instanceId, client } = connected(session);
      if (instanceId !== row.instanceId) {
        const live = await asked(client.listTerminals(), "terminal");
        // Its container was replaced, and the shell went with it.
        if (!live.some((info) => info.terminalId === terminalId)) throw notFound("terminal");
        takeOver(db, { rows: new Map([[terminalId, row]]), live, instanceId });
      }
      return deps.tickets.issue({ terminalId, sessionId: row.sessionId, userId: caller.userId });
    },
    async close(caller, terminalId) {
      const { row } = own(caller, terminalId);
      const connection = deps.connectionOf(row.sessionId);
      // Whatever container has it now: one that took another one's place has its terminals.
      if (connection)
        await asked(connection.client.closeTerminal(terminalId), "terminal").catch(ignoreMissing);
      db.update(terminals)
        .set({ closedAt: isoNow(deps.clock) })
        .where(eq(terminals.id, terminalId))
        .run();
    },
    attach(grant, afterByte) {
      if (!mayType(grant)) throw notFound("terminal");
      const session = getSession(db, grant.sessionId);
      if (!session) throw notFound("terminal");
      const socket = connected(session).client.attachTerminal(grant.terminalId, afterByte);
      attached.set(socket, grant);
      socket.once("close", () => attached.delete(socket));
      return socket;
    },
    recheckAccess(sessionId) {
      for (const [socket, grant] of attached) {
        // Not closed politely: a viewer who reads nothing would hold it open.
        if (grant.sessionId === sessionId && !mayType(grant)) socket.terminate();
      }
    },
  };
}

/** A container that took another one's place has its terminals, with what they showed. */
function takeOver(
  db: Database,
  found: { rows: Map<string, { instanceId: string }>; live: readonly TerminalInfo[]; instanceId: string },
): void {
  const { rows, live, instanceId } = found;
  for (const { terminalId } of live) {
    const row = rows.get(terminalId);
    if (row === undefined || row.instanceId === instanceId) continue;
    db.update(terminals).set({ instanceId }).where(eq(terminals.id, terminalId)).run();
  }
}

type SessionFacts = Pick<typeof sessions.$inferSelect, "id" | "status">;

/** Programs go on in the container; a client tries again by itself. */
function outOfReach(): AppError {
  return new AppError(
    "SERVICE_UNAVAILABLE",
    "sidecar_unreachable",
    "The server is not in touch with the session's container yet. Try again in a moment; programs there go on.",
  );
}

/** A terminal that is gone already is as closed as it can be. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof AppError) || error.reason !== "not_found") throw error;
}
