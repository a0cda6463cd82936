import { decode } from "next-auth/jwt";
import { z } from "zod";
import type { Caller } from "./caller";
import { readCookie, type AuthSettings } from "./auth-settings";
import type { Logins } from "./logins";
import type { Tokens } from "./tokens";

/** Node's header object has this form, and so has a socket's handshake. */
export interface CredentialHeaders {
  authorization?: string | undefined;
  cookie?: string | undefined;
}

/** Who is calling: the one answer for HTTP, sockets and pages. null: nobody. Never throws on what a client sends. */
export type Authenticate = (headers: CredentialHeaders) => Promise<Caller | null>;

const claims = z.object({ sid: z.string().min(1).max(100) });

const BEARER = "bearer ";

/** @returns whether a token is sent at all, good or bad; other schemes are a proxy's own, such as Basic */
export function isBearer(
  headers: CredentialHeaders,
): headers is CredentialHeaders & { authorization: string } {
  return headers.authorization?.slice(0, BEARER.length).toLowerCase() === BEARER;
}

/**
 * A bearer token counts alone: when it is bad, the cookie is not looked at, so that a script never acts as somebody else
 * than it thinks.
 */
export function createAuthenticate(deps: {
  tokens: Tokens;
  logins: Logins;
  settings: AuthSettings;
}): Authenticate {
  return async (headers) => {
    if (isBearer(headers)) {
      const token = headers.authorization.slice(BEARER.length).trim();
      return deps.tokens.resolve(token);
    }
    const cookie = readCookie(headers.cookie, deps.settings.sessionCookie);
    if (cookie === null) return null;
    const sid = await sessionIdOf(cookie, deps.settings.secret);
    return sid === null ? null : deps.logins.resolve(sid);
  };
}

/** The JWT is encrypted and carries only the login session's id. */
async function sessionIdOf(jwt: string, secret: string): Promise<string | null> {
  try {
    const parsed = claims.safeParse(await decode({ token: jwt, secret }));
    return parsed.success ? parsed.data.sid : null;
  } catch {
    // Forged, cut or expired: whoever sent it is nobody.
    return null;
  }
}
