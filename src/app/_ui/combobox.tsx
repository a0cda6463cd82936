"use client";

import { Combobox as Base } from "@base-ui/react/combobox";
import { Check, ChevronsUpDown } from "lucide-react";
import type { ReactNode } from "react";
import { INPUT_LOOK } from "./field";
import type { PopupState } from "./use-popup";

export interface ComboboxItem {
  value: string;
  label: string;
  /** Beside the label, such as a price. */
  aside?: string;
  disabled?: boolean;
}

export interface ComboboxGroup {
  label: string;
  /** Why its items cannot be chosen now, with the next step. */
  why?: string | undefined;
  items: ComboboxItem[];
}

interface ComboboxProps {
  value: ComboboxItem | null;
  groups: ComboboxGroup[];
  onChange: (item: ComboboxItem) => void;
  searchLabel: string;
  /** Under the list: what to do when the wanted one is missing. */
  footer?: ReactNode;
}

interface ComboboxFieldProps extends ComboboxProps {
  label: string;
  placeholder: string;
}

/** More entries at once are no list to read, and slow to draw; the search narrows them. */
const MAX_SHOWN = 80;

/** One of many, found by typing. Groups are searched too: their names match their items. */
export function ComboboxField({ label, placeholder, ...choice }: ComboboxFieldProps) {
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <Root {...choice}>
        <Base.Label className="font-medium">{label}</Base.Label>
        <Base.Trigger className={`flex min-h-10 cursor-pointer items-center gap-2 text-left ${INPUT_LOOK}`}>
          <span className="min-w-0 flex-1 truncate">
            <Base.Value>{(item: ComboboxItem | null) => item?.label ?? placeholder}</Base.Value>
          </span>
          <ChevronsUpDown size={14} className="text-muted" aria-hidden />
        </Base.Trigger>
        <Popup searchLabel={choice.searchLabel} footer={choice.footer} />
      </Root>
    </div>
  );
}

/** {@link ComboboxField} without the field: the popup of a button that has the trigger of a {@link usePopup}. */
export function ComboboxPopup({ state, ...choice }: ComboboxProps & { state: PopupState }) {
  return (
    <Root {...choice} state={state}>
      <Popup searchLabel={choice.searchLabel} footer={choice.footer} anchor={state.anchor} />
    </Root>
  );
}

function Root({
  value,
  groups,
  onChange,
  state,
  children,
}: Omit<ComboboxProps, "searchLabel" | "footer"> & { state?: PopupState; children: ReactNode }) {
  const find = Base.useFilter();
  const groupOf = new Map(groups.flatMap((group) => group.items.map((item) => [item.value, group.label])));
  return (
    <Base.Root
      items={groups}
      value={value}
      onValueChange={(item: ComboboxItem | null) => item !== null && onChange(item)}
      isItemEqualToValue={(a: ComboboxItem, b: ComboboxItem) => a.value === b.value}
      filter={(item: ComboboxItem, query) =>
        find.contains(`${groupOf.get(item.value) ?? ""} ${item.label} ${item.value}`, query)
      }
      limit={MAX_SHOWN}
      {...(state && { open: state.isOpen, onOpenChange: state.onOpenChange })}
    >
      {children}
    </Base.Root>
  );
}

function Popup({
  searchLabel,
  footer,
  anchor,
}: Pick<ComboboxProps, "searchLabel" | "footer"> & { anchor?: HTMLElement | null }) {
  return (
    <Base.Portal>
      <Base.Positioner anchor={anchor} sideOffset={4} align="start" className="z-50">
        <Base.Popup
          aria-label={searchLabel}
          {...(anchor !== undefined && { finalFocus: () => anchor })}
          className="flex max-h-[min(400px,var(--available-height))] w-[max(var(--anchor-width),380px)] max-w-[calc(100vw-16px)] flex-col rounded-lg border border-line bg-bg shadow-lg outline-none"
        >
          <Base.Input
            aria-label={searchLabel}
            placeholder={searchLabel}
            className="min-h-10 w-full border-b border-line bg-transparent px-3 text-base outline-none placeholder:text-muted sm:text-sm"
          />
          <Base.Empty className="px-3 py-3 text-muted empty:hidden">Nothing matches.</Base.Empty>
          <Base.List className="min-h-0 overflow-y-auto p-1 empty:p-0">
            {(group: ComboboxGroup) => (
              <Base.Group key={group.label} items={group.items}>
                <Base.GroupLabel className="px-2 pt-2 pb-1 text-small text-muted">
                  {group.label}
                  {group.why !== undefined && <span> · {group.why}</span>}
                </Base.GroupLabel>
                <Base.Collection>
                  {(item: ComboboxItem) => <Row key={item.value} item={item} />}
                </Base.Collection>
              </Base.Group>
            )}
          </Base.List>
          {footer !== undefined && <div className="border-t border-line px-3 py-2 text-small">{footer}</div>}
        </Base.Popup>
      </Base.Positioner>
    </Base.Portal>
  );
}

function Row({ item }: { item: ComboboxItem }) {
  return (
    <Base.Item
      value={item}
      disabled={item.disabled ?? false}
      className="flex min-h-8 cursor-pointer items-center gap-2 rounded-md px-2 py-1 outline-none select-none data-disabled:cursor-default data-disabled:text-muted data-highlighted:bg-hover pointer-coarse:min-h-10"
    >
      <span className="min-w-0 flex-1 truncate">{item.label}</span>
      {item.aside !== undefined && <span className="text-small text-muted tabular-nums">{item.aside}</span>}
      <Base.ItemIndicator className="text-accent">
        <Check size={14} aria-hidden />
      </Base.ItemIndicator>
    </Base.Item>
  );
}
