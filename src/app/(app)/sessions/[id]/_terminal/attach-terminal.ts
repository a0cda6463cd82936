import { TerminalLink, type TerminalSize } from "../../../../../client/terminal-link";
import { api } from "../../../../_client/api";
import { sentenceOf } from "../../../../_client/sentence-of";
import { helperSequence, withCtrl, type HelperKey } from "./helper-keys";
import { judgePaste } from "./paste";
import { createScreen } from "./screen";
import { cleanTitle } from "./tab-label";
import { webAddress } from "./web-address";

const RESIZE_QUIET_MS = 80;
/** What is typed while the terminal is out of reach is kept up to this. UTF-16 units. */
const MAX_WAITING_UNITS = 64 * 1024;

export type TerminalStatus =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "reconnecting" }
  | { kind: "ended"; code: number }
  | { kind: "gone"; message: string };

/** What only the person can say. */
export type Question = { kind: "link"; address: string } | { kind: "paste"; text: string; lines: number };

export interface AttachOptions {
  host: HTMLElement;
  terminalId: string;
  onStatus(status: TerminalStatus): void;
  onTitle(title: string): void;
  onQuestion(question: Question): void;
  onHover(address: string | null): void;
  /** A sentence on what did not work, while the terminal goes on. */
  onNotice(message: string): void;
  onCtrl(isArmed: boolean): void;
}

export interface AttachedTerminal {
  focus(): void;
  press(key: HelperKey): void;
  /** Ctrl for the next key. */
  armCtrl(isArmed: boolean): void;
  /** Pasted text that the person agreed to, or that comes from a button. */
  paste(text: string, opts: { isAgreed: boolean }): void;
  setReadAloud(isOn: boolean): void;
  /** The program goes on. */
  leave(): void;
}

/**
 * A screen and its way to the program. A terminal has one size for all who watch: the screen takes it, and asks for its
 * own when its element changes, gets the focus or is typed into.
 */
export function attachTerminal(opts: AttachOptions): AttachedTerminal {
  let isCtrlArmed = false;
  const armCtrl = (isArmed: boolean) => {
    isCtrlArmed = isArmed;
    opts.onCtrl(isArmed);
  };
  const type = (data: string) => {
    if (link.waitingUnits + data.length > MAX_WAITING_UNITS) {
      opts.onNotice(
        "The terminal is out of reach and keeps no more of what is typed. Wait until it is back.",
      );
      return;
    }
    claimSize();
    link.write(data);
  };
  const paste = (pasted: string, { isAgreed }: { isAgreed: boolean }) => {
    const verdict = judgePaste(pasted, { isBracketed: isAgreed || screen.modes().isBracketed });
    if (verdict.kind === "refuse") opts.onNotice(verdict.message);
    else if (verdict.kind === "ask")
      opts.onQuestion({ kind: "paste", text: verdict.text, lines: verdict.lines });
    else screen.paste(verdict.text);
  };
  const screen = createScreen(opts.host, {
    onTyped(data) {
      type(isCtrlArmed ? withCtrl(data) : data);
      if (isCtrlArmed) armCtrl(false);
    },
    onPasted: (text) => paste(text, { isAgreed: false }),
    onTitle: (title) => opts.onTitle(cleanTitle(title)),
    onLink(uri, { isHidden }) {
      const address = webAddress(uri);
      if (address === null) return;
      if (isHidden) opts.onQuestion({ kind: "link", address });
      else openAddress(address);
    },
    onHover: (uri) => opts.onHover(uri === null ? null : webAddress(uri)),
    onFocus: () => claimSize(),
  });
  let fitting: TerminalSize | null = screen.fittingSize();
  if (fitting) screen.setSize(fitting);
  const claimSize = () => {
    const { cols, rows } = screen.size();
    if (!fitting || (fitting.cols === cols && fitting.rows === rows)) return;
    screen.setSize(fitting);
    link.resize(fitting);
  };
  const link: TerminalLink = new TerminalLink({
    url: location.origin,
    terminalId: opts.terminalId,
    ...screen.size(),
    ticket: async () => (await api.terminals.ticket.mutate({ terminalId: opts.terminalId })).ticket,
    async onOutput(data, lostBytes) {
      if (lostBytes > 0) await screen.show(lossLine(lostBytes));
      await screen.show(data);
    },
    onReach: (isAttached) => opts.onStatus({ kind: isAttached ? "live" : "reconnecting" }),
    onSize: (size) => screen.setSize(size),
    onInputLost: () =>
      opts.onNotice("The program does not read what is typed; some of it is lost. Ctrl-C may end it."),
  });
  link.exited.then(
    (code) => {
      screen.end();
      opts.onStatus({ kind: "ended", code });
    },
    (error: unknown) => opts.onStatus({ kind: "gone", message: sentenceOf(error) }),
  );
  const endWatch = watchSize(opts.host, () => {
    fitting = screen.fittingSize() ?? fitting;
    claimSize();
  });
  const endHurry = watchNetwork(() => link.hurry());
  return {
    focus: () => screen.focus(),
    press: (key) => type(helperSequence(key, screen.modes().isApplicationMode)),
    armCtrl,
    paste,
    setReadAloud: (isOn) => screen.setReadAloud(isOn),
    leave() {
      endWatch();
      endHurry();
      link.close();
      screen.dispose();
    },
  };
}

export function openAddress(address: string): void {
  window.open(address, "_blank", "noopener,noreferrer");
}

function lossLine(bytes: number): string {
  const size = bytes < 1024 ? `${bytes} bytes` : `${Math.round(bytes / 1024)} KiB`;
  return `\u001b[0m\r\n\u001b[2m— ${size} of output before this are not kept —\u001b[0m\r\n`;
}

/** Calls once the element's size has come to rest. */
function watchSize(element: HTMLElement, onChange: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(onChange, RESIZE_QUIET_MS);
  });
  observer.observe(element);
  return () => {
    clearTimeout(timer);
    observer.disconnect();
  };
}

function watchNetwork(onBack: () => void): () => void {
  const onVisible = () => {
    if (document.visibilityState === "visible") onBack();
  };
  window.addEventListener("online", onBack);
  document.addEventListener("visibilitychange", onVisible);
  return () => {
    window.removeEventListener("online", onBack);
    document.removeEventListener("visibilitychange", onVisible);
  };
}
