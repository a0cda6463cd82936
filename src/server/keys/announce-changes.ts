import type { ProviderKeys } from "./provider-keys";

/** Whose running sessions a changed key concerns. */
export type KeyScope = { ownerId: string } | "everyone";

/** The same service, which also tells of every change, so that running sessions get keys as they are now. */
export function announceChanges(keys: ProviderKeys, changed: (scope: KeyScope) => void): ProviderKeys {
  return {
    ...keys,
    upsert(caller, input) {
      const stored = keys.upsert(caller, input);
      changed(input.scope === "team" ? "everyone" : { ownerId: caller.userId });
      return stored;
    },
    remove(caller, id) {
      const scope = keys.list(caller).find((key) => key.id === id)?.scope;
      keys.remove(caller, id);
      changed(scope === "team" ? "everyone" : { ownerId: caller.userId });
    },
  };
}
