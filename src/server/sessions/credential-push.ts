import { and, eq, isNotNull } from "drizzle-orm";
import type { ProviderCredential } from "../../../sidecar/src/protocol";
import type { Database } from "../db/database";
import { sessions } from "../db/schema";
import type { Logger } from "../log";
import { SidecarError } from "../sidecar-client/sidecar-error";
import type { Connections } from "./connections";
import type { Registrar } from "./registration";

export interface CredentialPush {
  /**
   * Gives running sessions the keys as they are now: those of one owner, or of everybody after a change of team keys.
   * A session that cannot be reached gets them when it next registers.
   */
  refresh(scope: { ownerId: string } | "everyone"): Promise<void>;
}

export function createCredentialPush(deps: {
  db: Database;
  logger: Logger;
  connections: Connections;
  registrar: Registrar;
  credentialsFor(userId: string): ProviderCredential[];
}): CredentialPush {
  return {
    async refresh(scope) {
      const rows = deps.db
        .select({ id: sessions.id, ownerId: sessions.ownerId })
        .from(sessions)
        .where(
          and(
            isNotNull(sessions.instanceId),
            scope === "everyone" ? undefined : eq(sessions.ownerId, scope.ownerId),
          ),
        )
        .all();
      for (const row of rows) {
        const connection = deps.connections.get(row.id);
        if (!connection) continue;
        const { instanceId, secrets, client } = connection;
        try {
          const providers = deps.credentialsFor(row.ownerId);
          await client.credentials(
            await deps.registrar.sealCredentials({ sessionId: row.id, instanceId, secrets, providers }),
          );
        } catch (error) {
          if (!(error instanceof SidecarError)) throw error;
          deps.logger.warn({ sessionId: row.id, code: error.code }, "changed keys not delivered");
        }
      }
    },
  };
}
