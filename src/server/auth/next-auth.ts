import type { NextAuthOptions } from "next-auth";
import CredentialsProvider from "next-auth/providers/credentials";
import { z } from "zod";
import { asDiskFull } from "../db/disk-full";
import type { AuthSettings } from "./auth-settings";
import type { Identities } from "./identities";
import { authProvider } from "./identity-providers";
import { LOGIN_SESSION_SECONDS } from "./login-lifetime";
import type { Logins } from "./logins";

const credentialsInput = z.object({
  email: z.string().min(1).max(254),
  password: z.string().min(1).max(1024),
});
/** Set by our dispatcher on every request; a client's own is dropped there. */
const headersInput = z.object({ "x-openagent-ip": z.string() });
const claimsInput = z.object({ sid: z.string() });

/**
 * next-auth's part is small: its routes, its form token and the encrypted cookie. Who somebody is, `authenticate` alone
 * decides, from the login session's row.
 * @param deps.userAgent of this request: a sign-in names its browser by it
 * @param deps.onRefused gets what `signIn` threw, as next-auth would make the same answer of every failure
 */
export function createAuthOptions(deps: {
  logins: Logins;
  identities: Identities;
  settings: AuthSettings;
  userAgent: string;
  onRefused: (error: unknown) => void;
}): NextAuthOptions {
  const { logins, identities, settings } = deps;
  const onRefused = (error: unknown) => deps.onRefused(asDiskFull(error) ?? error);
  /** Of who has just come from another provider; the options are made for each request. */
  let enteredAs: string | undefined;
  return {
    secret: settings.secret,
    useSecureCookies: settings.secure,
    session: { strategy: "jwt", maxAge: LOGIN_SESSION_SECONDS },
    pages: { signIn: "/sign-in", error: "/sign-in" },
    providers: [
      CredentialsProvider({
        credentials: { email: { type: "email" }, password: { type: "password" } },
        async authorize(credentials, req) {
          const given = credentialsInput.safeParse(credentials);
          if (!given.success) return null;
          const headers = headersInput.parse(req.headers);
          try {
            const { loginSessionId } = await logins.signIn({
              ...given.data,
              ip: headers["x-openagent-ip"],
              userAgent: deps.userAgent,
            });
            return { id: loginSessionId };
          } catch (error) {
            onRefused(error);
            return null;
          }
        },
      }),
      ...settings.identityProviders.map(authProvider),
    ],
    callbacks: {
      signIn({ user, account }) {
        const provider = settings.identityProviders.find(({ id }) => id === account?.provider);
        if (provider === undefined) return true;
        const identity = { issuer: provider.issuer, subject: user.id, email: user.email ?? null };
        try {
          const answer = identities.signIn(identity, { userAgent: deps.userAgent });
          if ("refusal" in answer) return `/sign-in?refused=${answer.refusal}&by=${provider.id}`;
          enteredAs = answer.loginSessionId;
          return true;
        } catch (error) {
          // next-auth would put its text into the address.
          onRefused(error);
          return false;
        }
      },
      // Only the login session's id: name, role and rights are looked up at each request, so taking them away works at once.
      jwt: ({ token, user }) => ({
        sid: user === undefined ? token["sid"] : (enteredAs ?? user.id),
      }),
      session({ session, token }) {
        const claims = claimsInput.safeParse(token);
        const caller = claims.success ? logins.resolve(claims.data.sid) : null;
        const user = caller === null ? undefined : { name: caller.name, email: caller.email };
        return { expires: session.expires, ...(user && { user }) };
      },
    },
    events: {
      signOut({ token }) {
        const claims = claimsInput.safeParse(token);
        if (claims.success) logins.revoke(claims.data.sid);
      },
    },
  };
}
