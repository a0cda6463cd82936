"use client";

import { useEffect, useRef, type KeyboardEvent } from "react";
import { Button } from "../../../../_ui/button";
import { enterSends } from "./enter-sends";

interface EditPromptProps {
  text: string;
  isCommand: boolean;
  isSaving: boolean;
  onChange: (text: string) => void;
  onSave: () => void;
  onLeave: () => void;
}

/** The text of a prompt that waits: Enter saves it, Escape leaves it as it was. */
export function EditPrompt({ text, isCommand, isSaving, onChange, onSave, onLeave }: EditPromptProps) {
  const areaRef = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const area = areaRef.current;
    area?.focus();
    area?.setSelectionRange(area.value.length, area.value.length);
  }, []);
  const canSave = text.trim() !== "" && !isSaving;
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Escape" && !event.nativeEvent.isComposing) {
      // Twice it stops the agent elsewhere.
      event.preventDefault();
      onLeave();
    }
    if (!enterSends(event)) return;
    event.preventDefault();
    if (canSave) onSave();
  };
  return (
    <div className="p-2">
      <textarea
        ref={areaRef}
        aria-label="Text of the prompt"
        value={text}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
        rows={2}
        maxLength={isCommand ? 64 * 1024 : 1024 * 1024}
        className={`field-sizing-content block max-h-[20dvh] min-h-14 w-full resize-none rounded-md border border-field-line bg-bg px-2 py-1 text-base outline-none focus:border-accent sm:text-sm ${isCommand ? "font-mono" : ""}`}
      />
      <div className="mt-2 flex justify-end gap-2">
        <Button kind="ghost" onClick={onLeave}>
          Leave it
        </Button>
        <Button kind="plain" disabled={!canSave} busy={isSaving} busyLabel="Saving…" onClick={onSave}>
          Save
        </Button>
      </div>
    </div>
  );
}
