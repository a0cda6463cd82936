import { useState } from "react";

/** A choice that outlives a reload; for the life of the page alone where the browser stores nothing. */
export function useRemembered(
  storage: () => Storage,
  key: string,
): [string | null, (value: string | null) => void] {
  const [value, setValue] = useState(() => tried(() => storage().getItem(key)));
  return [
    value,
    (next) => {
      setValue(next);
      tried(() => (next === null ? storage().removeItem(key) : storage().setItem(key, next)));
    },
  ];
}

function tried<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null; // Storage is switched off or full.
  }
}
