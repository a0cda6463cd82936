import { useEffect, useEffectEvent, useRef, useState } from "react";
import {
  attachTerminal,
  openAddress,
  type AttachedTerminal,
  type Question,
  type TerminalStatus,
} from "./attach-terminal";
import { Bar } from "./bar";
import { HelperRow } from "./helper-row";

interface TerminalViewProps {
  terminalId: string;
  label: string;
  isShown: boolean;
  takesFocus: boolean;
  isReadAloud: boolean;
  onTitle: (title: string) => void;
  /** The program ended, or the terminal is gone: the list has changed. */
  onEnd: () => void;
  onRestart: () => void;
  onClose: () => void;
}

/** One terminal and what there is to say about it. It stays attached while another one is shown. */
export function TerminalView(props: TerminalViewProps) {
  const { terminalId, isShown, takesFocus, isReadAloud } = props;
  const hostRef = useRef<HTMLDivElement>(null);
  const attachedRef = useRef<AttachedTerminal | null>(null);
  const [status, setStatus] = useState<TerminalStatus>({ kind: "connecting" });
  const [question, setQuestion] = useState<Question | null>(null);
  const [hovered, setHovered] = useState<string | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  const [isCtrlArmed, setCtrlArmed] = useState(false);

  const onStatus = useEffectEvent((next: TerminalStatus) => {
    setStatus(next);
    if (next.kind === "ended" || next.kind === "gone") props.onEnd();
  });
  const onTitle = useEffectEvent((title: string) => props.onTitle(title));

  useEffect(() => {
    const host = hostRef.current;
    if (!host) return;
    const attached = attachTerminal({
      host,
      terminalId,
      onStatus: (next) => onStatus(next),
      onTitle: (title) => onTitle(title),
      onQuestion: setQuestion,
      onHover: setHovered,
      onNotice: setNotice,
      onCtrl: setCtrlArmed,
    });
    attachedRef.current = attached;
    return () => {
      attachedRef.current = null;
      attached.leave();
    };
  }, [terminalId]);
  useEffect(() => {
    if (isShown && takesFocus) attachedRef.current?.focus();
  }, [isShown, takesFocus, terminalId]);
  useEffect(() => {
    attachedRef.current?.setReadAloud(isReadAloud);
  }, [isReadAloud, terminalId]);

  const dropQuestion = () => {
    setQuestion(null);
    attachedRef.current?.focus();
  };
  const answer = (asked: Question) => {
    if (asked.kind === "link") openAddress(asked.address);
    else attachedRef.current?.paste(asked.text, { isAgreed: true });
    dropQuestion();
  };
  const pasteFromClipboard = () => {
    navigator.clipboard.readText().then(
      (text) => attachedRef.current?.paste(text, { isAgreed: false }),
      () => setNotice("The browser gives the clipboard to no page here. Hold the terminal and choose Paste."),
    );
  };
  return (
    <div
      role="tabpanel"
      aria-label={props.label}
      hidden={!isShown}
      className={isShown ? "flex min-h-0 flex-1 flex-col" : "hidden"}
    >
      <div ref={hostRef} className="terminal-host relative min-h-0 flex-1 overflow-hidden bg-bg font-mono" />
      {hovered !== null && (
        <p className="truncate border-t border-line bg-raised px-3 py-1 text-[13px] text-muted">{hovered}</p>
      )}
      {notice !== null && (
        <Bar isUrgent actions={[{ label: "Dismiss", run: () => setNotice(null) }]}>
          {notice}
        </Bar>
      )}
      {question !== null && (
        <Bar
          isUrgent
          actions={[
            { label: question.kind === "link" ? "Open" : "Paste", run: () => answer(question) },
            { label: "Cancel", run: dropQuestion },
          ]}
        >
          {question.kind === "link" ? (
            <>
              This text leads to <span className="font-mono">{question.address}</span>
            </>
          ) : (
            `Paste ${question.lines} lines? The program may run each one as it comes.`
          )}
        </Bar>
      )}
      <StatusBar status={status} onRestart={props.onRestart} onClose={props.onClose} />
      {status.kind !== "ended" && status.kind !== "gone" && (
        <HelperRow
          isCtrlArmed={isCtrlArmed}
          onPress={(key) => attachedRef.current?.press(key)}
          onCtrl={() => attachedRef.current?.armCtrl(!isCtrlArmed)}
          onPaste={pasteFromClipboard}
        />
      )}
    </div>
  );
}

function StatusBar(props: { status: TerminalStatus; onRestart: () => void; onClose: () => void }) {
  const { status } = props;
  const again = [
    { label: "Restart", run: props.onRestart },
    { label: "Close", run: props.onClose },
  ];
  switch (status.kind) {
    case "live":
      return null;
    case "connecting":
      return <Bar>Connecting…</Bar>;
    case "reconnecting":
      return <Bar>Reconnecting. Programs go on, and what you type is kept until the terminal is back.</Bar>;
    case "ended":
      return <Bar actions={again}>The shell ended with exit code {status.code}.</Bar>;
    case "gone":
      return <Bar actions={again}>{status.message}</Bar>;
  }
}
