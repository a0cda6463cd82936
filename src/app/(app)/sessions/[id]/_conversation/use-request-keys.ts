import { useEffect, useEffectEvent } from "react";
import { hasOpenOverlay } from "../../../../_ui/open-overlay";

/** A key that was meant for something else does not answer what appeared just now. */
const ARMED_AFTER_MS = 400;

export interface RequestKeys {
  once(): void;
  always(): void;
  reject(): void;
}

/** Y, A and N or R, as long as no field has the focus and no dialog is open. */
export function useRequestKeys(requestId: string, enabled: boolean, keys: RequestKeys): void {
  const press = useEffectEvent((key: string): boolean => {
    const act = actOf(key, keys);
    act?.();
    return act !== null;
  });
  useEffect(() => {
    if (!enabled) return;
    const shownAt = performance.now();
    const onKey = (event: KeyboardEvent) => {
      const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat && !event.isComposing;
      if (!plain || performance.now() - shownAt < ARMED_AFTER_MS || isTakenElsewhere(event)) return;
      if (!press(event.key.toLowerCase())) return;
      // N means "new session" where no request waits.
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    document.addEventListener("keydown", onKey, { capture: true });
    return () => document.removeEventListener("keydown", onKey, { capture: true });
  }, [requestId, enabled]);
}

function actOf(key: string, keys: RequestKeys): (() => void) | null {
  switch (key) {
    case "y":
      return keys.once;
    case "a":
      return keys.always;
    case "n":
    case "r":
      return keys.reject;
    default:
      return null;
  }
}

function isTakenElsewhere(event: KeyboardEvent): boolean {
  const { target } = event;
  const inField =
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.closest("input, textarea, select, [role=menu], [role=listbox]") !== null);
  return inField || hasOpenOverlay();
}
