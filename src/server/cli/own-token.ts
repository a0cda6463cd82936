import { asc, eq, isNull, and } from "drizzle-orm";
import type { AccountServices } from "../compose-accounts";
import type { Database } from "../db/database";
import { apiTokens, users } from "../db/schema";

/**
 * Does something with a token of the first owner that lives as long as it takes: whoever has a shell here may do everything.
 * @returns null when there is no owner yet
 */
export async function withOwnToken<T>(
  { db, accounts }: { db: Database; accounts: Pick<AccountServices, "tokens"> },
  act: (token: string) => Promise<T>,
): Promise<T | null> {
  const owner = db
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, "owner"), isNull(users.disabledAt)))
    .orderBy(asc(users.createdAt))
    .get();
  if (owner === undefined) return null;
  const made = { userId: owner.id, name: "command line", scopes: ["settings"], days: 1 };
  const { id, token } = accounts.tokens.create(made);
  try {
    return await act(token);
  } finally {
    // Not revoked: that would send the owner's browsers for new tokens of the mirror.
    db.delete(apiTokens).where(eq(apiTokens.id, id)).run();
  }
}
