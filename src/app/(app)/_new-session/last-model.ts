import type { ModelRef } from "../../../../sidecar/src/contract";

const KEY = "openagent-last-model";
const SEPARATOR = "\n";

/** What this browser chose last; null where it keeps nothing. */
export function readLastModel(): ModelRef | null {
  const [providerId, modelId] = (window.localStorage.getItem(KEY) ?? "").split(SEPARATOR);
  return providerId && modelId ? { providerId, modelId } : null;
}

export function rememberModel({ providerId, modelId }: ModelRef): void {
  window.localStorage.setItem(KEY, providerId + SEPARATOR + modelId);
}
