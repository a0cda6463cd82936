/** How a page looks: as the system says, or as the person chose in this browser. */
export type Theme = "system" | "light" | "dark";

export const THEMES: readonly { value: Theme; label: string }[] = [
  { value: "system", label: "System" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

/** Read by the server, so that the first paint is right. */
export const THEME_COOKIE = "openagent-theme";

/** @returns `system` for anything that is no choice */
export function themeOf(cookie: string | undefined): Theme {
  return cookie === "light" || cookie === "dark" ? cookie : "system";
}
