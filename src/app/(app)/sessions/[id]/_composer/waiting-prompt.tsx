"use client";

import { ArrowUpToLine, Pencil, X } from "lucide-react";
import { useState } from "react";
import type { MessageView } from "../../../../../timeline/view";
import { api } from "../../../../_client/api";
import { sentenceOf } from "../../../../_client/sentence-of";
import { IconButton } from "../../../../_ui/icon-button";
import { withoutReordering } from "../../../../_ui/shown-text";
import { toast } from "../../../../_ui/toast";
import { nameOf } from "../_conversation/conversation-context";
import { textOf } from "../_conversation/person-message";
import { EditPrompt } from "./edit-prompt";

/** Enough for two lines of any width. */
const CHARACTERS_SHOWN = 400;

interface WaitingPromptProps {
  message: MessageView;
  names: ReadonlyMap<string, string>;
  canEdit: boolean;
  canCancel: boolean;
  canSendNow: boolean;
  /** A turn runs, which ends when this is sent now. */
  endsTurn: boolean;
  /** What its text is being changed to; null when it is not. */
  edited: string | null;
  onEdit: (text: string | null) => void;
  /** It has left its place in the line. */
  onGone: () => void;
}

export function WaitingPrompt(props: WaitingPromptProps) {
  const { message, edited, onEdit, onGone } = props;
  const { isBusy, act } = useAct();
  const text = textOf(message);
  const promptId = message.promptId ?? message.id;
  if (edited !== null) {
    const save = async () => {
      const saved = edited === text || (await act(() => api.prompts.edit.mutate({ promptId, text: edited })));
      if (saved) onEdit(null);
    };
    return (
      <li>
        <EditPrompt
          text={edited}
          isCommand={message.kind === "shell"}
          isSaving={isBusy}
          onChange={onEdit}
          onSave={() => void save()}
          onLeave={() => onEdit(null)}
        />
      </li>
    );
  }
  const actAndGo = async (what: "cancel" | "sendNow") => {
    if (await act(() => api.prompts[what].mutate({ promptId }))) onGone();
  };
  return (
    <li className="flex min-h-10 items-center gap-1 py-1 pr-1 pl-3">
      <p
        dir="auto"
        title={text.length > CHARACTERS_SHOWN ? undefined : withoutReordering(text)}
        className={`line-clamp-2 min-w-0 flex-1 py-1 text-small [overflow-wrap:anywhere] ${message.kind === "shell" ? "font-mono" : ""}`}
      >
        {!props.canEdit && (
          <span className="text-muted">
            <bdi>{nameOf(props.names, message.by)}</bdi>:{" "}
          </span>
        )}
        {message.kind === "shell" && "$ "}
        {withoutReordering(text.slice(0, CHARACTERS_SHOWN))}
      </p>
      {props.canEdit && (
        <IconButton label="Edit" disabled={isBusy} onClick={() => onEdit(text)}>
          <Pencil size={14} aria-hidden />
        </IconButton>
      )}
      {props.canSendNow && (
        <IconButton
          label={props.endsTurn ? "Send now: what runs is stopped" : "Send now"}
          disabled={isBusy}
          onClick={() => void actAndGo("sendNow")}
        >
          <ArrowUpToLine size={14} aria-hidden />
        </IconButton>
      )}
      {props.canCancel && (
        <IconButton label="Cancel" disabled={isBusy} onClick={() => void actAndGo("cancel")}>
          <X size={14} aria-hidden />
        </IconButton>
      )}
    </li>
  );
}

/** One at a time; a failure is told at the window's edge, as the prompt may have left its place. */
function useAct() {
  const [isBusy, setBusy] = useState(false);
  const act = async (work: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    try {
      await work();
      return true;
    } catch (cause) {
      toast(sentenceOf(cause));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, act };
}
