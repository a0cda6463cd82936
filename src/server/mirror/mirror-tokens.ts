import { SignJWT } from "jose";
import type { Clock } from "../clock";
import type { SigningKey } from "./signing-key";

/** As in convex/auth.config.ts. */
export const MIRROR_AUDIENCE = "openagent";
/** As in convex/model/access.ts. */
const SERVER_SUBJECT = "openagent-server";
const SERVER_SECONDS = 60;
/** A token is not sent with less of its life left than this. */
const SERVER_SPARE_MS = 20_000;

export interface MirrorTokens {
  /** For a browser's Convex client. It carries who and as of which epoch, and nothing that gives rights. */
  forPerson(person: { userId: string; epoch: number }): Promise<{ token: string; expiresAt: string }>;
  /** Makes this server the one that may write. It never leaves for a browser. */
  forServer(): Promise<string>;
}

/** @param deps.issuer the installation's origin */
export function createMirrorTokens(deps: {
  key: SigningKey;
  issuer: string;
  clock: Clock;
  /** How long a person's token is good. */
  personSeconds: number;
}): MirrorTokens {
  const { key, clock, personSeconds } = deps;
  const sign = (
    claims: { epoch: number } | { role: "server" },
    opts: { subject: string; seconds: number },
  ) => {
    const issuedAt = Math.floor(clock.now() / 1000);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256", kid: key.kid, typ: "JWT" })
      .setIssuer(deps.issuer)
      .setAudience(MIRROR_AUDIENCE)
      .setSubject(opts.subject)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + opts.seconds)
      .sign(key.privateKey);
  };
  let server: { token: Promise<string>; goodUntil: number } | null = null;
  return {
    async forPerson({ userId, epoch }) {
      if (userId === SERVER_SUBJECT) throw new Error("No person goes by the server's name.");
      const token = await sign({ epoch }, { subject: userId, seconds: personSeconds });
      return { token, expiresAt: new Date(clock.now() + personSeconds * 1000).toISOString() };
    },
    forServer() {
      const now = clock.monotonicNow();
      if (server === null || now >= server.goodUntil) {
        const token = sign({ role: "server" }, { subject: SERVER_SUBJECT, seconds: SERVER_SECONDS });
        server = { token, goodUntil: now + SERVER_SECONDS * 1000 - SERVER_SPARE_MS };
      }
      return server.token;
    },
  };
}
