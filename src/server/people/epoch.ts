import { eq, sql } from "drizzle-orm";
import type { Store } from "../db/database";
import { users } from "../db/schema";
import { mark } from "../events/outbox";

/**
 * Makes the Convex tokens that a person has worth nothing, open sockets included; who is still signed in fetches another.
 * In the transaction of whatever takes access away.
 */
export function raiseEpoch(store: Store, userId: string): void {
  store
    .update(users)
    .set({ epoch: sql`${users.epoch} + 1` })
    .where(eq(users.id, userId))
    .run();
  mark(store, [{ topic: "person", key: userId }]);
}
