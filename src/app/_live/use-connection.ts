import { useSyncExternalStore } from "react";
import type { ConnectionState } from "./connection-state";
import { useLive } from "./live-provider";

const NOTHING_KNOWN: ConnectionState = { state: "live", sinceMs: 0 };

/** How fresh the page is; before its script has looked, nothing is the matter. */
export function useConnection(): ConnectionState {
  const connection = useLive()?.connection;
  return useSyncExternalStore(
    (onChange) => connection?.subscribe(onChange) ?? (() => undefined),
    () => connection?.current() ?? NOTHING_KNOWN,
    () => NOTHING_KNOWN,
  );
}
