"use client";

import { ArrowUp, Square } from "lucide-react";
import { useImperativeHandle, useRef, useState, type KeyboardEvent, type Ref } from "react";
import type { ModelRef } from "../../../../../../sidecar/src/contract";
import type { Session } from "../../../../../server/sessions/session-store";
import { PERMISSION_MODES } from "../../../../_session/permission-modes";
import { IconButton } from "../../../../_ui/icon-button";
import { Notice } from "../../../../_ui/notice";
import { enterSends } from "./enter-sends";
import { isTouch } from "./is-touch";
import { ModelButton } from "./model-button";
import { useAbort } from "./use-abort";
import { useDraft } from "./use-draft";
import { commandIn, useSend } from "./use-send";

export interface ComposerHandle {
  focus(): void;
  /** Writes a text, which a person may change and send. */
  propose(text: string): void;
  /** Adds a text that would be lost elsewhere to what is written already. */
  keep(text: string): void;
}

interface ComposerProps {
  ref?: Ref<ComposerHandle>;
  session: Session;
  canWrite: boolean;
  /** A turn runs: what is sent now waits for it. */
  isBusy: boolean;
}

/** Where a person says what is to be done. Sent while the agent works, it waits in line. */
export function Composer({ canWrite, ...rest }: ComposerProps) {
  if (!canWrite) {
    return (
      <p className="border-t border-line px-4 py-3 text-center text-small text-muted">
        You can read this session. Its owner, <bdi>{rest.session.owner.name}</bdi>, can share it for writing.
      </p>
    );
  }
  return <Writing {...rest} />;
}

function Writing({ ref, session, isBusy }: Omit<ComposerProps, "canWrite">) {
  const [text, setText] = useDraft(session.id);
  const [model, setModel] = useState<ModelRef | null>(null);
  const { isSending, error, send } = useSend(session);
  const { isAborting, kept, abort } = useAbort(session.id, isBusy);
  const isCommand = commandIn(text) !== null;
  const areaRef = useRef<HTMLTextAreaElement>(null);
  useImperativeHandle(ref, () => ({
    focus: () => areaRef.current?.focus(),
    keep: (kept) => setText(text.trim() === "" ? kept : `${text}\n\n${kept}`),
    propose(proposed) {
      if (text.trim() === "") setText(proposed);
      areaRef.current?.focus();
    },
  }));
  const submit = async (isNow: boolean) => {
    if (text.trim() === "") return;
    const arrived = await send({ text, model, isNow });
    // What was typed meanwhile is not thrown away.
    if (arrived && (areaRef.current === null || areaRef.current.value === text)) setText("");
    areaRef.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (!enterSends(event)) return;
    event.preventDefault();
    void submit(isBusy && (event.metaKey || event.ctrlKey) && !isTouch());
  };
  return (
    <form
      aria-label="Message"
      className="mx-auto w-full max-w-[792px] px-4 pb-[max(12px,env(safe-area-inset-bottom))]"
      onSubmit={(event) => {
        event.preventDefault();
        void submit(false);
      }}
    >
      {error !== null && <Notice className="mb-2">{error}</Notice>}
      <p role="status" className={kept === null ? "sr-only" : "px-3 pb-2 text-small text-muted"}>
        {kept}
      </p>
      <div className="rounded-lg border border-field-line bg-bg focus-within:border-accent">
        <textarea
          ref={areaRef}
          aria-label="Message to the agent"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          rows={1}
          maxLength={1024 * 1024}
          placeholder={placeholder(session, isBusy)}
          className={`field-sizing-content block max-h-[34vh] min-h-11 w-full resize-none bg-transparent px-3 pt-2.5 pb-1 text-base outline-none placeholder:text-muted sm:text-sm ${isCommand ? "font-mono" : ""}`}
        />
        <div className="flex items-center gap-2 p-1.5 pl-2">
          <ModelButton value={model ?? session.model} onChange={setModel} />
          {isCommand ? <CommandHint /> : <Mode session={session} />}
          <span className="flex-1" />
          {isBusy && (
            <IconButton
              label="Stop the agent"
              keys={["Esc", "Esc"]}
              disabled={isAborting}
              onClick={abort}
              className="border border-line"
            >
              <Square size={12} fill="currentColor" aria-hidden />
            </IconButton>
          )}
          <IconButton
            label={isBusy ? "Send, to wait in line; with Ctrl or ⌘ now" : "Send"}
            keys={["⏎"]}
            kind="primary"
            type="submit"
            disabled={isSending || text.trim() === ""}
          >
            <ArrowUp size={16} aria-hidden />
          </IconButton>
        </div>
      </div>
    </form>
  );
}

function placeholder({ status }: Session, isBusy: boolean): string {
  if (status === "stopped") return "Say what comes next; it will resume";
  if (status === "error") return "Resume the session to go on";
  return isBusy ? "Say what comes next; it waits in line" : "Say what to do, or ! to run a command";
}

function Mode({ session }: { session: Session }) {
  const mode = PERMISSION_MODES.find(({ value }) => value === session.permissionMode);
  if (mode === undefined) return null;
  return (
    <span
      title={mode.hint}
      className="rounded-full border border-line px-2 py-0.5 text-[12px] whitespace-nowrap text-muted"
    >
      {mode.label}
    </span>
  );
}

function CommandHint() {
  return (
    <span className="truncate text-[12px] text-muted">
      <span className="sm:hidden">command</span>
      <span className="max-sm:hidden">runs in the container; the agent is not asked</span>
    </span>
  );
}
