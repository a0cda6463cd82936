import { shownParts } from "../../../../_ui/shown-text";

/** Text that a person approves: signs stand where something would not be seen. */
export function StrictText({ text }: { text: string }) {
  return shownParts(text).map((part, index) =>
    part.sign ? (
      <mark key={index} className="rounded-sm bg-warn/20 text-warn">
        {part.text}
      </mark>
    ) : (
      part.text
    ),
  );
}
