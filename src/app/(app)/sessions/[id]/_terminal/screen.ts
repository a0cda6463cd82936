import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { TerminalSize } from "../../../../../client/terminal-link";
import { isTyped, keepQuiet } from "./quiet";
import { readTheme, watchTheme } from "./theme";
import "./terminal.css";

const SCROLLBACK_ROWS = 5000;

export interface ScreenEvents {
  onTyped(data: string): void;
  onPasted(text: string): void;
  onTitle(title: string): void;
  onLink(uri: string, opts: { isHidden: boolean }): void;
  /** The link under the pointer; null when it leaves. */
  onHover(uri: string | null): void;
  onFocus(): void;
}

/** What a terminal is seen in: xterm.js in an element. Whoever makes one disposes of it. */
export interface Screen {
  /** Resolves when it is parsed. */
  show(data: Uint8Array | string): Promise<void>;
  size(): TerminalSize;
  setSize(size: TerminalSize): void;
  /** The size that fills the element; null while it is not to be seen. */
  fittingSize(): TerminalSize | null;
  modes(): { isBracketed: boolean; isApplicationMode: boolean };
  paste(text: string): void;
  setReadAloud(isOn: boolean): void;
  /** Nobody reads what is typed any more. */
  end(): void;
  focus(): void;
  dispose(): void;
}

/** @param host an element of class `terminal-host` that is in the page and has a size */
export function createScreen(host: HTMLElement, events: ScreenEvents): Screen {
  const terminal = new Terminal({
    allowProposedApi: true,
    fontFamily: getComputedStyle(host).fontFamily,
    fontSize: 13,
    scrollback: SCROLLBACK_ROWS,
    minimumContrastRatio: 4.5,
    cursorBlink: false,
    theme: readTheme(host),
    linkHandler: {
      activate: (_event, uri) => events.onLink(uri, { isHidden: true }),
      hover: (_event, uri) => events.onHover(uri),
      leave: () => events.onHover(null),
    },
  });
  keepQuiet(terminal);
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = "11";
  terminal.loadAddon(
    new WebLinksAddon((_event, uri) => events.onLink(uri, { isHidden: false }), {
      hover: (_event, uri) => events.onHover(uri),
      leave: () => events.onHover(null),
    }),
  );
  terminal.attachCustomKeyEventHandler((event) => leavesToTerminal(event, terminal));
  terminal.onData((data) => {
    if (isTyped(data)) events.onTyped(data);
  });
  terminal.onTitleChange(events.onTitle);
  terminal.open(host);
  terminal.textarea?.addEventListener("focus", events.onFocus);
  const onPaste = (event: ClipboardEvent) => {
    event.preventDefault();
    event.stopPropagation();
    events.onPasted(event.clipboardData?.getData("text/plain") ?? "");
  };
  host.addEventListener("paste", onPaste, { capture: true });
  const endTheme = watchTheme(() => {
    terminal.options.theme = readTheme(host);
  });
  return {
    show: (data) => new Promise((resolve) => terminal.write(data, resolve)),
    size: () => ({ cols: terminal.cols, rows: terminal.rows }),
    setSize({ cols, rows }) {
      if (cols !== terminal.cols || rows !== terminal.rows) terminal.resize(cols, rows);
    },
    fittingSize: () => boundedSize(fit.proposeDimensions()),
    modes: () => ({
      isBracketed: terminal.modes.bracketedPasteMode,
      isApplicationMode: terminal.modes.applicationCursorKeysMode,
    }),
    paste: (text) => terminal.paste(text),
    setReadAloud(isOn) {
      terminal.options.screenReaderMode = isOn;
    },
    end() {
      terminal.options.disableStdin = true;
      terminal.options.cursorInactiveStyle = "none";
      terminal.blur();
    },
    focus: () => terminal.focus(),
    dispose() {
      endTheme();
      host.removeEventListener("paste", onPaste, { capture: true });
      terminal.dispose();
    },
  };
}

/** As the server takes them (`terminalSize` of the sidecar's protocol). */
function boundedSize(proposed: { cols: number; rows: number } | undefined): TerminalSize | null {
  if (!proposed || !Number.isFinite(proposed.cols) || !Number.isFinite(proposed.rows)) return null;
  return {
    cols: Math.min(1000, Math.max(2, proposed.cols)),
    rows: Math.min(500, Math.max(2, proposed.rows)),
  };
}

/** Ctrl-C is the program's; with Shift it copies, as in other terminals. The browser pastes by itself. */
function leavesToTerminal(event: KeyboardEvent, terminal: Terminal): boolean {
  // The page's own key, which opens and closes the terminal.
  if (event.ctrlKey && event.code === "Backquote") return false;
  if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return true;
  if (event.code === "KeyV") return false;
  if (event.code !== "KeyC") return true;
  event.preventDefault();
  if (event.type === "keydown" && terminal.hasSelection()) {
    // Without https browsers have no clipboard for scripts; the context menu still copies there.
    void navigator.clipboard?.writeText(terminal.getSelection()).catch(() => undefined);
  }
  return false;
}
