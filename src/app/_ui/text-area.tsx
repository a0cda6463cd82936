import { useId, type ComponentProps, type ReactNode } from "react";
import { INPUT_LOOK, Labelled } from "./field";

interface TextAreaProps extends ComponentProps<"textarea"> {
  label: string;
  hint?: ReactNode;
  mono?: boolean;
}

/** Several lines; it grows with its text up to a third of the window. */
export function TextArea({ label, hint, mono = false, rows = 3, ...rest }: TextAreaProps) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <textarea
        rows={rows}
        {...rest}
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        className={`field-sizing-content max-h-[34vh] min-h-20 resize-none py-2 ${INPUT_LOOK} ${mono ? "font-mono" : ""}`}
      />
    </Labelled>
  );
}
