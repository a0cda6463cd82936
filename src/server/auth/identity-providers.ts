import { decodeJwt } from "jose";
import type { OAuthConfig } from "next-auth/providers/oauth";
import { z } from "zod";

/** Where people may sign in beside by password. The operator set it up there, with our callback address. */
export interface IdentityProvider {
  /** In addresses: `/api/auth/callback/<id>`. */
  id: "github" | "oidc";
  /** As the button says it. */
  name: string;
  /** Of GitHub its origin, of an OpenID provider its issuer. */
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Takes e-mail addresses for proved that the provider says nothing of. */
  trustsEmails: boolean;
}

/** Who somebody is elsewhere. */
export interface IdentityProfile {
  sub: string;
  /** Lower case; not there unless it is proved to be theirs. */
  email?: string;
}

/** A provider that does not answer is given up on after this. */
const TIMEOUT_MS = 10_000;

const githubUser = z.object({ id: z.number() });
const githubEmails = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }));
const claims = z.object({
  sub: z.string().min(1),
  email: z.string().optional(),
  // Some say it as text.
  email_verified: z.union([z.boolean(), z.stringbool()]).optional(),
});

/** For next-auth. */
export function authProvider(provider: IdentityProvider): OAuthConfig<IdentityProfile> {
  const { id, name, issuer, clientId, clientSecret } = provider;
  const common = {
    id,
    name,
    clientId,
    clientSecret,
    type: "oauth",
    httpOptions: { timeout: TIMEOUT_MS },
    profile: ({ sub, email }: IdentityProfile) => ({ id: sub, email: email ?? null }),
  } as const;
  if (id === "github") {
    return {
      ...common,
      issuer: `${issuer}/login/oauth`,
      authorization: { url: `${issuer}/login/oauth/authorize`, params: { scope: "read:user user:email" } },
      token: `${issuer}/login/oauth/access_token`,
      checks: ["pkce", "state"],
      userinfo: { request: ({ tokens }) => githubProfile(issuer, String(tokens.access_token)) },
    };
  }
  return {
    ...common,
    issuer,
    wellKnown: `${issuer}/.well-known/openid-configuration`,
    authorization: { params: { scope: "openid email" } },
    idToken: true,
    checks: ["pkce", "state", "nonce"],
    userinfo: {
      async request({ tokens, client }) {
        // Its signature, audience and nonce were checked when it came.
        const told = claims.parse(decodeJwt(String(tokens.id_token)));
        // Not every provider puts the address into it.
        const all =
          told.email === undefined ? claims.parse(await client.userinfo(String(tokens.access_token))) : told;
        if (all.sub !== told.sub) throw new Error("The provider told of two people.");
        return { sub: all.sub, ...provedEmail(all, provider) };
      },
    },
  };
}

function provedEmail(
  { email, email_verified }: z.infer<typeof claims>,
  { trustsEmails }: IdentityProvider,
): { email?: string } {
  return email !== undefined && (email_verified ?? trustsEmails) ? known(email) : {};
}

/** Signs of other alphabets may become letters of somebody else's address in lower case. */
function known(email: string): { email?: string } {
  return /^[\x21-\x7e]+$/.test(email) ? { email: email.toLowerCase() } : {};
}

async function githubProfile(origin: string, accessToken: string): Promise<IdentityProfile> {
  const api = origin === "https://github.com" ? "https://api.github.com" : `${origin}/api/v3`;
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`${api}${path}`, {
      headers: { authorization: `Bearer ${accessToken}`, accept: "application/vnd.github+json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`GitHub answered ${path} with ${response.status}.`);
    return response.json();
  };
  const { id } = githubUser.parse(await ask("/user"));
  const emails = githubEmails.parse(await ask("/user/emails"));
  const main = emails.find(({ primary, verified }) => primary && verified);
  return { sub: String(id), ...(main && known(main.email)) };
}
