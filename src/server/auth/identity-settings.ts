import { z } from "zod";
import type { IdentityProvider } from "./identity-providers";

const address = z
  .string()
  .refine(
    isAddress,
    "must be an https address (http only on this machine), such as https://login.example.org",
  )
  .transform((text) => text.replace(/\/$/, ""));

/** Of the environment: the applications that the operator made at GitHub or at an OpenID provider. */
export const identityVariables = {
  GITHUB_ID: z.string().optional(),
  GITHUB_SECRET: z.string().optional(),
  GITHUB_URL: address.default("https://github.com"),
  OIDC_ISSUER: address.optional(),
  OIDC_ID: z.string().optional(),
  OIDC_SECRET: z.string().optional(),
  OIDC_NAME: z.string().max(40, "must be at most 40 characters: it stands on a button").default("OpenID"),
  OIDC_TRUST_EMAIL: z.stringbool("must be true or false").default(false),
};

type Variables = z.infer<z.ZodObject<typeof identityVariables>>;

/** @returns the providers that are set up; of each all variables or none must be there, which `complain` is told */
export function identityProvidersOf(env: Variables, complain: (message: string) => void): IdentityProvider[] {
  const providers: IdentityProvider[] = [];
  const { GITHUB_ID, GITHUB_SECRET, OIDC_ISSUER, OIDC_ID, OIDC_SECRET } = env;
  if (GITHUB_ID !== undefined && GITHUB_SECRET !== undefined) {
    providers.push({
      id: "github",
      name: "GitHub",
      issuer: env.GITHUB_URL,
      clientId: GITHUB_ID,
      clientSecret: GITHUB_SECRET,
      trustsEmails: false,
    });
  } else if (GITHUB_ID !== undefined || GITHUB_SECRET !== undefined) {
    complain("GITHUB_ID and GITHUB_SECRET belong together: set both, or none.");
  }
  if (OIDC_ISSUER !== undefined && env.OIDC_TRUST_EMAIL && isForEverybody(OIDC_ISSUER)) {
    complain(
      "OIDC_TRUST_EMAIL cannot be true with an OIDC_ISSUER of everybody's accounts: anybody could write your people's addresses into theirs. Name your own tenant's issuer.",
    );
  }
  if (OIDC_ISSUER !== undefined && OIDC_ID !== undefined && OIDC_SECRET !== undefined) {
    providers.push({
      id: "oidc",
      name: env.OIDC_NAME,
      issuer: OIDC_ISSUER,
      clientId: OIDC_ID,
      clientSecret: OIDC_SECRET,
      trustsEmails: env.OIDC_TRUST_EMAIL,
    });
  } else if (OIDC_ISSUER !== undefined || OIDC_ID !== undefined || OIDC_SECRET !== undefined) {
    complain("OIDC_ISSUER, OIDC_ID and OIDC_SECRET belong together: set all three, or none.");
  }
  return providers;
}

/** Entra ID's issuers for accounts of whatever organisation. */
function isForEverybody(issuer: string): boolean {
  return /\/(?:common|organizations|consumers)(?:\/|$)/i.test(new URL(issuer).pathname);
}

/** Who listens on the way would get the secret and whatever it opens. */
function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, search, hash } = new URL(text);
  const isHere = hostname === "127.0.0.1" || hostname === "localhost" || hostname === "[::1]";
  return (protocol === "https:" || (protocol === "http:" && isHere)) && search === "" && hash === "";
}
