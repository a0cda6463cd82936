import { and, eq, isNotNull } from "drizzle-orm";
import type { ProviderCredential } from "../../../sidecar/src/protocol";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import type { Logger } from "../log";
import { SidecarError } from "../sidecar-client/sidecar-error";
import type { Connections } from "./connections";
import type { KeyedMutex } from "./keyed-mutex";
import type { Registrar } from "./registration";
import { findSession } from "./session-store";

export interface CredentialPush {
  /**
   * Gives running sessions the keys as they are now: those of one owner, or of everybody after a change of team keys.
   * A session that cannot be reached, or is just starting, gets them as soon as it can be reached.
   */
  refresh(scope: { ownerId: string } | "everyone"): Promise<void>;
  /** What the session's instance holds may be of the past: keys may have changed while no server was there to tell it. */
  mayBeOld(sessionId: string): void;
  /** Gives the session its keys if it may hold old ones. Safe to call often. */
  deliver(sessionId: string): Promise<void>;
}

export function createCredentialPush(deps: {
  db: Database;
  logger: Logger;
  connections: Pick<Connections, "get">;
  registrar: Pick<Registrar, "sealCredentials">;
  mutex: KeyedMutex;
  credentialsFor(userId: string): ProviderCredential[];
}): CredentialPush {
  const { db, mutex } = deps;
  /** Sessions that may hold old keys. */
  const old = new Set<string>();

  /** One after the other for each session, and always the table as it is now: an older one never arrives last. */
  const deliver = (sessionId: string) =>
    mutex.run(`keys:${sessionId}`, async () => {
      const session = findSession(db, sessionId);
      if (!session) old.delete(sessionId);
      const connection = deps.connections.get(sessionId);
      if (!session || !connection || !old.delete(sessionId)) return;
      const { instanceId, secrets, client } = connection;
      try {
        const providers = deps.credentialsFor(session.ownerId);
        await client.credentials(
          await deps.registrar.sealCredentials({ sessionId, instanceId, secrets, providers }),
        );
      } catch (error) {
        old.add(sessionId);
        if (!(error instanceof SidecarError)) throw error;
        deps.logger.warn({ sessionId, code: error.code }, "changed keys not delivered; it is tried again");
      }
    });

  return {
    deliver: async (sessionId) => {
      if (old.has(sessionId)) await deliver(sessionId);
    },
    mayBeOld: (sessionId) => void old.add(sessionId),
    async refresh(scope) {
      const rows = db
        .select({ id: sessions.id })
        .from(sessions)
        .where(
          and(
            isNotNull(sessions.instanceId),
            scope === "everyone" ? undefined : eq(sessions.ownerId, scope.ownerId),
          ),
        )
        .all();
      for (const { id } of rows) old.add(id);
      await Promise.all(rows.map(({ id }) => deliver(id)));
    },
  };
}
