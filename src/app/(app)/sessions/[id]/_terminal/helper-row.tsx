import { Button } from "../../../../_ui/button";
import type { HelperKey } from "./helper-keys";

const KEYS: readonly { key: HelperKey; face: string; name: string }[] = [
  { key: "left", face: "←", name: "Left" },
  { key: "up", face: "↑", name: "Up" },
  { key: "down", face: "↓", name: "Down" },
  { key: "right", face: "→", name: "Right" },
];

interface HelperRowProps {
  isCtrlArmed: boolean;
  onPress: (key: HelperKey) => void;
  onCtrl: () => void;
  onPaste: () => void;
}

/** The keys that a phone's keyboard lacks. A touch here leaves the focus, and so that keyboard, where it is. */
export function HelperRow({ isCtrlArmed, onPress, onCtrl, onPaste }: HelperRowProps) {
  return (
    <div
      role="toolbar"
      aria-label="Keys"
      className="hidden shrink-0 gap-1 overflow-x-auto border-t border-line bg-raised p-1 pb-[max(4px,env(safe-area-inset-bottom))] text-muted pointer-coarse:flex"
      onPointerDown={(event) => event.preventDefault()}
      onMouseDown={(event) => event.preventDefault()}
    >
      <Button kind="ghost" className="min-w-10" onClick={() => onPress("esc")}>
        Esc
      </Button>
      <Button kind="ghost" className="min-w-10" onClick={() => onPress("tab")}>
        Tab
      </Button>
      <Button
        kind="ghost"
        onClick={onCtrl}
        aria-pressed={isCtrlArmed}
        className="min-w-10 aria-pressed:bg-accent! aria-pressed:text-on-accent!"
      >
        Ctrl
      </Button>
      {KEYS.map(({ key, face, name }) => (
        <Button kind="ghost" className="min-w-10" key={key} aria-label={name} onClick={() => onPress(key)}>
          {face}
        </Button>
      ))}
      <Button kind="ghost" className="min-w-10" onClick={onPaste}>
        Paste
      </Button>
    </div>
  );
}
