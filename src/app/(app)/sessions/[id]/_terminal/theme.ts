import type { ITheme } from "@xterm/xterm";

/** xterm's names for what the page's tokens and terminal.css name. */
const COLOURS = {
  background: "--bg",
  foreground: "--fg",
  cursor: "--accent",
  cursorAccent: "--bg",
  selectionBackground: "--terminal-selection",
  scrollbarSliderBackground: "--line",
  scrollbarSliderHoverBackground: "--field-line",
  scrollbarSliderActiveBackground: "--field-line",
  black: "--terminal-black",
  red: "--terminal-red",
  green: "--terminal-green",
  yellow: "--terminal-yellow",
  blue: "--terminal-blue",
  magenta: "--terminal-magenta",
  cyan: "--terminal-cyan",
  white: "--terminal-white",
  brightBlack: "--terminal-bright-black",
  brightRed: "--terminal-bright-red",
  brightGreen: "--terminal-bright-green",
  brightYellow: "--terminal-bright-yellow",
  brightBlue: "--terminal-bright-blue",
  brightMagenta: "--terminal-bright-magenta",
  brightCyan: "--terminal-bright-cyan",
  brightWhite: "--terminal-bright-white",
} as const satisfies Partial<Record<keyof ITheme, string>>;

/** The colours as they are now. @param host an element of class `terminal-host` */
export function readTheme(host: HTMLElement): ITheme {
  // A custom property reads as it is written; as a colour of an element it reads as what it comes to.
  const probe = host.ownerDocument.createElement("span");
  probe.hidden = true;
  host.append(probe);
  const theme: ITheme = {};
  for (const [name, token] of Object.entries(COLOURS)) {
    probe.style.color = `var(${token})`;
    Object.assign(theme, { [name]: getComputedStyle(probe).color });
  }
  probe.remove();
  return theme;
}

/** Calls when the system's or the page's choice of dark or light changes. @returns how to end it */
export function watchTheme(onChange: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", onChange);
  const page = new MutationObserver(onChange);
  page.observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["class", "style", "data-theme"],
  });
  return () => {
    system.removeEventListener("change", onChange);
    page.disconnect();
  };
}
