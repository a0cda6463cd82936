import { eq } from "drizzle-orm";
import type { Caller } from "../auth/caller";
import type { Database } from "../db/database";
import { users } from "../db/schema";
import { notFound } from "../errors";
import type { MirrorTokens } from "./mirror-tokens";

/** How a person's browser or script gets to what it may watch live. */
export interface LiveAccess {
  /** For `setAuth` of a Convex client; good for minutes, and no longer than the access that the caller has now. */
  token(caller: Caller): Promise<{ token: string; expiresAt: string }>;
  /** Where to point a Convex client. */
  config(): { url: string; kind: "embedded" | "remote" };
  /** As {@link config}, for a page of this server: a URL, or a path under whatever name the page was asked for. */
  forPages(): string;
}

export function createLiveAccess(deps: {
  db: Database;
  tokens: Pick<MirrorTokens, "forPerson">;
  origin: string;
  mountPath: string;
  /** A Convex elsewhere; null: the embedded host. */
  remoteUrl: string | null;
}): LiveAccess {
  const { db, remoteUrl } = deps;
  return {
    async token({ userId }) {
      const person = db.select({ epoch: users.epoch }).from(users).where(eq(users.id, userId)).get();
      if (person === undefined) throw notFound("person");
      return deps.tokens.forPerson({ userId, epoch: person.epoch });
    },
    config: () => ({
      url: remoteUrl ?? `${deps.origin}${deps.mountPath}`,
      kind: remoteUrl === null ? "embedded" : "remote",
    }),
    forPages: () => remoteUrl ?? deps.mountPath,
  };
}
