import { useId, type ComponentProps, type ReactNode } from "react";

/** 16 px on phones, as smaller text makes them zoom in. */
export const INPUT_LOOK =
  "w-full rounded-md border border-field-line bg-bg px-3 text-base placeholder:text-muted placeholder:opacity-80 sm:text-sm";

interface FieldProps extends ComponentProps<"input"> {
  label: string;
  hint?: ReactNode;
  mono?: boolean;
}

/** A labelled input; the hint is read out with it. */
export function Field({ label, hint, mono = false, ...rest }: FieldProps) {
  const id = useId();
  const hintId = hint === undefined ? undefined : `${id}-hint`;
  return (
    <Labelled id={id} label={label} hint={hint}>
      <input
        type="text"
        {...rest}
        id={id}
        aria-describedby={hintId}
        className={`min-h-10 ${INPUT_LOOK} ${mono ? "font-mono" : ""}`}
      />
    </Labelled>
  );
}

/** Where a label, a control and its hint stand. The hint's id is the control's with `-hint`. */
export function Labelled({
  id,
  label,
  hint,
  children,
}: {
  id: string;
  label: string;
  hint?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children}
      {hint !== undefined && (
        <p id={`${id}-hint`} className="text-small text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}
