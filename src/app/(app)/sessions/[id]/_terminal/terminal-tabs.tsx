import { Accessibility, Plus, X } from "lucide-react";
import type { KeyboardEvent } from "react";
import { IconButton } from "../../../../_ui/icon-button";

export interface TerminalTab {
  id: string;
  label: string;
  running: boolean;
}

interface TerminalTabsProps {
  tabs: readonly TerminalTab[];
  activeId: string | null;
  isBusy: boolean;
  isReadAloud: boolean;
  onSelect: (id: string) => void;
  onNew: () => void;
  onClose: (id: string) => void;
  onReadAloud: () => void;
}

export function TerminalTabs(props: TerminalTabsProps) {
  const { tabs, activeId } = props;
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const at = tabs.findIndex(({ id }) => id === activeId);
    if (event.key === "Delete" && activeId !== null) props.onClose(activeId);
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = step === 0 ? undefined : tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    event.preventDefault();
    props.onSelect(next.id);
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  };
  return (
    <div className="flex shrink-0 items-center gap-1 border-b border-line px-1 text-[13px] text-muted">
      <div
        role="tablist"
        aria-label="Terminals"
        className="flex min-w-0 overflow-x-auto"
        onKeyDown={onKeyDown}
      >
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            data-tab={tab.id}
            aria-selected={tab.id === activeId}
            tabIndex={tab.id === activeId ? 0 : -1}
            title={tab.label}
            onClick={() => props.onSelect(tab.id)}
            onAuxClick={(event) => event.button === 1 && props.onClose(tab.id)}
            className="max-w-48 min-h-8 shrink-0 cursor-pointer truncate border-b-2 border-transparent px-3 -outline-offset-2 hover:text-fg aria-selected:border-accent aria-selected:text-fg pointer-coarse:min-h-10"
          >
            <bdi>{tab.label}</bdi>
            {!tab.running && <span className="text-muted"> · ended</span>}
          </button>
        ))}
      </div>
      <IconButton label="New terminal" disabled={props.isBusy} onClick={props.onNew}>
        <Plus size={16} aria-hidden />
      </IconButton>
      <span className="flex-1" />
      <IconButton
        label="Read output aloud with a screen reader"
        aria-pressed={props.isReadAloud}
        onClick={props.onReadAloud}
        className="aria-pressed:text-accent"
      >
        <Accessibility size={16} aria-hidden />
      </IconButton>
      {activeId !== null && (
        <IconButton label="Close terminal" onClick={() => props.onClose(activeId)}>
          <X size={16} aria-hidden />
        </IconButton>
      )}
    </div>
  );
}
