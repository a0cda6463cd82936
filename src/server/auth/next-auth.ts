import type { NextAuthOptions } from "next-auth";
import CredentialsProvider from "next-auth/providers/credentials";
import { z } from "zod";
import type { AuthSettings } from "./auth-settings";
import { LOGIN_SESSION_SECONDS } from "./login-lifetime";
import type { Logins } from "./logins";

const credentialsInput = z.object({
  email: z.string().min(1).max(254),
  password: z.string().min(1).max(1024),
});
/** Set by our dispatcher on every request; a client's own is dropped there. */
const headersInput = z.object({ "x-openagent-ip": z.string(), "user-agent": z.string().optional() });
const claimsInput = z.object({ sid: z.string() });

/**
 * next-auth's part is small: its routes, its form token and the encrypted cookie. Who somebody is, `authenticate` alone
 * decides, from the login session's row.
 * @param deps.onRefused gets what `signIn` threw, as next-auth would make the same answer of every failure
 */
export function createAuthOptions(deps: {
  logins: Logins;
  settings: AuthSettings;
  onRefused: (error: unknown) => void;
}): NextAuthOptions {
  const { logins, settings, onRefused } = deps;
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
              userAgent: headers["user-agent"] ?? "",
            });
            return { id: loginSessionId };
          } catch (error) {
            onRefused(error);
            return null;
          }
        },
      }),
    ],
    callbacks: {
      // Only the login session's id: name, role and rights are looked up at each request, so taking them away works at once.
      jwt: ({ token, user }) => (user === undefined ? { sid: token["sid"] } : { sid: user.id }),
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
