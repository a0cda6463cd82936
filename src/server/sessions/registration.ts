/**
 * The server's side of registration (the sidecar's: sidecar/src/registration). A token is made for one starting
 * instance, handed over by its standard input, and burned in the transaction that binds the sidecar's public key.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { and, eq, isNull, notInArray } from "drizzle-orm";
import { z } from "zod";
import {
  type AgentSettings,
  type ProviderCredential,
  type RegistrationPayload,
  registrationProofInput,
  type SealedMessage,
} from "../../../sidecar/src/protocol";
import { sealTo } from "../../../sidecar/src/registration/seal";
import { type Clock, isoNow } from "../clock";
import type { Database } from "../db/database";
import { registrations, sessions } from "../db/schema";
import { AppError } from "../errors";
import type { EventLog } from "../events/event-log";
import { SealError } from "../keys/envelope";
import { instanceSecretsOwner } from "../keys/sealed-records";
import type { SecretBox } from "../keys/secret-box";
import type { SidecarClient } from "../sidecar-client/sidecar-client";
import { talksWith, unfitImage } from "./image-decisions";
import { SESSION_LIMITS } from "./limits";
import { getSession } from "./session-store";

/** People see it; it comes out of a container. */
const MAX_VERSION_CHARS = 100;

const secretsSchema = z.object({
  bearer: z.string(),
  egressSecret: z.string(),
  token: z.string(),
  publicKey: z.string(),
  /** What the instance's sidecar speaks, for servers that come after this one. */
  contract: z.number().int(),
});
/** What the server and one instance share; kept encrypted in the session's row. */
export type InstanceSecrets = z.infer<typeof secretsSchema>;

export interface Registrar {
  /** A fresh token for an instance that is about to start. The plain token is nowhere but in the answer. */
  issue(sessionId: string, instanceId: string): string;
  /**
   * Registers a running, unregistered instance: checks its proof, burns the token, opens an epoch, seals the keys.
   * @throws AppError `other_version` before anything is given away, when the two cannot talk; `sidecar_unreachable` when
   * the proof is wrong or the token was used, is too old, or belongs to another instance
   */
  register(opts: {
    sessionId: string;
    instanceId: string;
    token: string;
    client: SidecarClient;
    providers: ProviderCredential[];
    settings: AgentSettings;
  }): Promise<InstanceSecrets>;
  /** Seals a new table of credentials to a registered instance. */
  sealCredentials(opts: {
    sessionId: string;
    instanceId: string;
    secrets: InstanceSecrets;
    providers: ProviderCredential[];
  }): Promise<SealedMessage>;
  /** @returns null when the row holds none, or none that this server can open. */
  secretsOf(row: {
    id: string;
    instanceId: string | null;
    instanceSecrets: string | null;
  }): InstanceSecrets | null;
}

export function createRegistrar(deps: {
  db: Database;
  log: EventLog;
  clock: Clock;
  box: SecretBox;
}): Registrar {
  const { db, clock, box } = deps;
  /** Until when tokens are good, of the clock that only goes forward: a date that is set ends none and lets none live on. */
  const goodUntilMs = new Map<string, number>();
  return {
    issue(sessionId, instanceId) {
      const token = newSecret();
      const nowMs = clock.monotonicNow();
      for (const [hash, untilMs] of goodUntilMs) if (untilMs <= nowMs) goodUntilMs.delete(hash);
      // Others are of a server that has ended, or are too old.
      db.delete(registrations)
        .where(notInArray(registrations.tokenHash, [...goodUntilMs.keys()]))
        .run();
      goodUntilMs.set(hashOf(token), nowMs + SESSION_LIMITS.registrationTtlMs);
      const expiresAt = new Date(clock.now() + SESSION_LIMITS.registrationTtlMs).toISOString();
      db.insert(registrations)
        .values({ tokenHash: hashOf(token), sessionId, instanceId, expiresAt })
        .run();
      return token;
    },

    async register({ sessionId, instanceId, token, client, providers, settings }) {
      const nonce = newSecret();
      const offer = await client.offer(nonce);
      if (!talksWith(offer.contract)) throw unfitImage(offer);
      const expected = createHmac("sha256", Buffer.from(token, "base64url"))
        .update(registrationProofInput({ sessionId, instanceId, publicKey: offer.publicKey, nonce }))
        .digest();
      if (!sameBytes(expected, Buffer.from(offer.proof, "base64url"))) throw refused("the proof is wrong");
      const secrets: InstanceSecrets = {
        bearer: newSecret(),
        egressSecret: newSecret(),
        token,
        publicKey: offer.publicKey,
        contract: offer.contract,
      };
      const place = deps.log.transaction((tx) => {
        burn(tx.store, { token, sessionId, instanceId, publicKey: offer.publicKey, now: isoNow(clock) });
        if ((goodUntilMs.get(hashOf(token)) ?? 0) <= clock.monotonicNow())
          throw refused("the token is too old");
        const row = getSession(tx.store, sessionId);
        const epoch = row.epoch + 1;
        const instanceSecrets = box.seal(
          JSON.stringify(secrets),
          instanceSecretsOwner(sessionId, instanceId),
        );
        const version = offer.version.slice(0, MAX_VERSION_CHARS);
        tx.store
          .update(sessions)
          .set({ epoch, instanceSecrets, version })
          .where(eq(sessions.id, sessionId))
          .run();
        const { conversationOf } = row;
        return {
          epoch,
          held: row.heldEpoch > 0 ? { epoch: row.heldEpoch, n: row.heldN } : null,
          ...(conversationOf === null ? {} : { conversationOf }),
        };
      });
      const payload: RegistrationPayload = {
        bearer: secrets.bearer,
        egressSecret: secrets.egressSecret,
        ...place,
        providers,
        settings,
      };
      await client.complete(await seal("registration", { sessionId, instanceId, secrets, payload }));
      return secrets;
    },

    sealCredentials: ({ sessionId, instanceId, secrets, providers }) =>
      seal("credentials", { sessionId, instanceId, secrets, payload: { providers } }),

    secretsOf(row) {
      if (!row.instanceId || !row.instanceSecrets) return null;
      try {
        const opened = box.open(row.instanceSecrets, instanceSecretsOwner(row.id, row.instanceId));
        return secretsSchema.parse(JSON.parse(opened));
      } catch (error) {
        if (error instanceof SealError) return null;
        throw error;
      }
    },
  };
}

function seal(
  purpose: "registration" | "credentials",
  opts: { sessionId: string; instanceId: string; secrets: InstanceSecrets; payload: unknown },
): Promise<SealedMessage> {
  const token = Buffer.from(opts.secrets.token, "base64url");
  return sealTo(
    opts.secrets.publicKey,
    { purpose, sessionId: opts.sessionId, instanceId: opts.instanceId, token },
    JSON.stringify(opts.payload),
  );
}

/** Compare and burn in one statement: of fifty at once, one changes a row. */
function burn(
  store: Pick<Database, "update">,
  opts: { token: string; sessionId: string; instanceId: string; publicKey: string; now: string },
): void {
  const burned = store
    .update(registrations)
    .set({ burnedAt: opts.now, publicKey: opts.publicKey })
    .where(
      and(
        eq(registrations.tokenHash, hashOf(opts.token)),
        eq(registrations.sessionId, opts.sessionId),
        eq(registrations.instanceId, opts.instanceId),
        isNull(registrations.burnedAt),
      ),
    )
    .returning({ tokenHash: registrations.tokenHash })
    .all();
  if (burned.length === 0) throw refused("the token is unknown, used, or another instance's");
}

const newSecret = () => randomBytes(32).toString("base64url");
const hashOf = (token: string) => createHash("sha256").update(token).digest("hex");

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function refused(detail: string): AppError {
  return new AppError(
    "INTERNAL_SERVER_ERROR",
    "sidecar_unreachable",
    "The session's container could not prove that it is ours. Resume to start a new one.",
    {
      detail,
    },
  );
}
