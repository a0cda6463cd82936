import { useId, type ComponentProps } from "react";

interface FieldProps extends ComponentProps<"input"> {
  label: string;
  hint?: string;
  mono?: boolean;
}

/** A labelled input; the hint is read out with it. 16 px on phones, as smaller text makes them zoom in. */
export function Field({ label, hint, mono = false, ...rest }: FieldProps) {
  const id = useId();
  const hintId = hint === undefined ? undefined : `${id}-hint`;
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      <input
        type="text"
        {...rest}
        id={id}
        aria-describedby={hintId}
        className={`min-h-10 w-full rounded-md border border-field-line bg-bg px-3 text-base placeholder:text-muted placeholder:opacity-60 sm:text-sm ${mono ? "font-mono" : ""}`}
      />
      {hint !== undefined && (
        <p id={hintId} className="text-[13px] text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}
