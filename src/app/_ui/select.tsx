"use client";

import { Select as Base } from "@base-ui/react/select";
import { Check, ChevronsUpDown } from "lucide-react";
import { useId } from "react";
import { INPUT_LOOK } from "./field";

export interface SelectOption<Value extends string> {
  value: Value;
  label: string;
  /** One line on what it means. */
  hint?: string;
}

interface SelectProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly SelectOption<Value>[];
  onChange: (value: Value) => void;
  disabled?: boolean;
}

/** One of a few; what each means stands under it. The chosen one's hint stands under the closed select too. */
export function Select<Value extends string>({
  label,
  value,
  options,
  onChange,
  ...rest
}: SelectProps<Value>) {
  const id = useId();
  const chosen = options.find((option) => option.value === value);
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <Base.Root
        items={[...options]}
        value={value}
        onValueChange={(next) => next !== null && onChange(next)}
        {...rest}
      >
        <Base.Label className="font-medium">{label}</Base.Label>
        <Base.Trigger
          aria-describedby={chosen?.hint === undefined ? undefined : `${id}-hint`}
          className={`flex min-h-10 cursor-pointer items-center gap-2 text-left ${INPUT_LOOK}`}
        >
          <Base.Value className="min-w-0 flex-1 truncate" />
          <ChevronsUpDown size={14} className="text-muted" aria-hidden />
        </Base.Trigger>
        <Base.Portal>
          <Base.Positioner sideOffset={4} align="start" alignItemWithTrigger={false} className="z-50">
            <Base.Popup className="max-h-[min(360px,var(--available-height))] w-[max(var(--anchor-width),320px)] max-w-[calc(100vw-16px)] overflow-y-auto rounded-lg border border-line bg-bg p-1 shadow-lg outline-none">
              <Base.List>
                {options.map((option) => (
                  <Option key={option.value} option={option} />
                ))}
              </Base.List>
            </Base.Popup>
          </Base.Positioner>
        </Base.Portal>
      </Base.Root>
      {chosen?.hint !== undefined && (
        <p id={`${id}-hint`} className="text-small text-muted">
          {chosen.hint}
        </p>
      )}
    </div>
  );
}

function Option({ option }: { option: SelectOption<string> }) {
  return (
    <Base.Item
      value={option.value}
      className="flex min-h-8 cursor-pointer items-start gap-2 rounded-md px-2 py-1.5 outline-none select-none data-highlighted:bg-hover pointer-coarse:min-h-10"
    >
      <span className="min-w-0 flex-1">
        <Base.ItemText>{option.label}</Base.ItemText>
        {option.hint !== undefined && <span className="block text-small text-muted">{option.hint}</span>}
      </span>
      <Base.ItemIndicator className="pt-0.5 text-accent">
        <Check size={14} aria-hidden />
      </Base.ItemIndicator>
    </Base.Item>
  );
}
