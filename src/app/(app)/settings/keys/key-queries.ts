import type { QueryClient } from "@tanstack/react-query";

export const KEYS_KEY = ["keys"];

/** After a key came, changed or went: which models can be used has changed with it. */
export async function refreshKeys(queries: QueryClient): Promise<void> {
  await Promise.all([
    queries.invalidateQueries({ queryKey: KEYS_KEY }),
    queries.invalidateQueries({ queryKey: ["models"] }),
  ]);
}
