import { eq } from "drizzle-orm";
import type { Store } from "./database";
import { installation } from "./schema";

/** @returns null when it is not set */
export function installationValue(store: Pick<Store, "select">, name: string): string | null {
  return store.select().from(installation).where(eq(installation.name, name)).get()?.value ?? null;
}

/** Writes nothing when it is so already. */
export function setInstallationValue(store: Store, name: string, value: string): void {
  if (installationValue(store, name) === value) return;
  store
    .insert(installation)
    .values({ name, value })
    .onConflictDoUpdate({ target: installation.name, set: { value } })
    .run();
}
