import { randomBytes } from "node:crypto";
import { eq } from "drizzle-orm";
import type { Database } from "../db/database";
import { installation } from "../db/schema";
import type { Environment } from "../env";
import type { IdentityProvider } from "./identity-providers";

/** What next-auth and `authenticate` must agree on. */
export interface AuthSettings {
  secret: string;
  /** Over https: cookies get `Secure` and the `__Secure-` prefix. */
  secure: boolean;
  /** `next-auth.session-token`, over https with its prefix. */
  sessionCookie: string;
  /** Where people may sign in beside by password. */
  identityProviders: readonly IdentityProvider[];
}

export function loadAuthSettings(
  db: Database,
  { publicUrl, identityProviders }: Pick<Environment, "publicUrl" | "identityProviders">,
): AuthSettings {
  const secure = publicUrl?.protocol === "https:";
  return {
    secret: authSecret(db),
    secure,
    sessionCookie: `${secure ? "__Secure-" : ""}next-auth.session-token`,
    identityProviders,
  };
}

/** Made at the first start and kept with the people, whose browsers' sessions it protects. */
function authSecret(db: Database): string {
  db.insert(installation)
    .values({ name: "authSecret", value: randomBytes(32).toString("base64url") })
    .onConflictDoNothing()
    .run();
  const row = db.select().from(installation).where(eq(installation.name, "authSecret")).get();
  if (row === undefined) throw new Error("The secret of browser sessions was written and is not there.");
  return row.value;
}

/** @returns the value of the first cookie of that name; next-auth cuts one over 4 KiB in pieces, ours is far smaller */
export function readCookie(header: string | undefined, name: string): string | null {
  for (const pair of header?.split(";") ?? []) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim() || null;
  }
  return null;
}
