"use client";

import { useSyncExternalStore } from "react";
import { type Theme, THEME_COOKIE, themeOf } from "./theme";

const YEAR_SECONDS = 365 * 24 * 60 * 60;
const CHANGED = "openagent-theme-changed";

/** The choice, and how to change it: on this page at once, on others with their next load. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(subscribe, shown, () => "system"), setTheme];
}

/** For whoever shows no choice of its own. */
export function setTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  const age = theme === "system" ? 0 : YEAR_SECONDS;
  document.cookie = `${THEME_COOKIE}=${theme}; path=/; max-age=${age}; samesite=lax`;
  window.dispatchEvent(new Event(CHANGED));
}

function shown(): Theme {
  return themeOf(document.documentElement.dataset.theme);
}

function subscribe(onChange: () => void): () => void {
  window.addEventListener(CHANGED, onChange);
  return () => window.removeEventListener(CHANGED, onChange);
}
