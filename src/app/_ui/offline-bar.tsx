"use client";

import { useSyncExternalStore } from "react";

/** Says that the browser has no network: what is shown stays, what is sent would fail. */
export function OfflineBar() {
  const online = useSyncExternalStore(subscribe, isOnline, () => true);
  return (
    <div role="status">
      {!online && (
        <p
          data-offline
          className="border-b border-line bg-raised px-4 py-1.5 text-center text-small text-warn"
        >
          This browser is offline. The sessions go on; the page catches up when the network is back.
        </p>
      )}
    </div>
  );
}

function isOnline(): boolean {
  return navigator.onLine;
}

function subscribe(onChange: () => void): () => void {
  window.addEventListener("online", onChange);
  window.addEventListener("offline", onChange);
  return () => {
    window.removeEventListener("online", onChange);
    window.removeEventListener("offline", onChange);
  };
}
