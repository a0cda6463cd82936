"use client";

import type { Panel } from "./use-panel";

/** On phones, which have room for one of them. */
export function PanelTabs({ panel, needsInput }: { panel: Panel; needsInput: boolean }) {
  return (
    <div role="group" aria-label="What is shown" className="flex border-b border-line px-2 md:hidden">
      <Choice isOn={!panel.isOpen} onPress={() => panel.show(false)}>
        Chat
        {needsInput && panel.isOpen && (
          <>
            <span aria-hidden className="ml-1.5 inline-block size-2 rounded-full bg-warn" />
            <span className="sr-only"> (needs you)</span>
          </>
        )}
      </Choice>
      <Choice isOn={panel.isOpen} onPress={() => panel.show(true)}>
        Terminal
      </Choice>
    </div>
  );
}

function Choice(props: { isOn: boolean; onPress: () => void; children: React.ReactNode }) {
  return (
    <button
      type="button"
      aria-pressed={props.isOn}
      onClick={props.onPress}
      className={`min-h-10 cursor-pointer border-b-2 px-3 ${props.isOn ? "border-accent text-fg" : "border-transparent text-muted"}`}
    >
      {props.children}
    </button>
  );
}
