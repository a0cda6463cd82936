"use client";

import { Menu as Base } from "@base-ui/react/menu";
import Link from "next/link";
import type { ReactNode } from "react";
import { Kbd } from "./kbd";
import type { PopupState } from "./use-popup";

interface MenuProps {
  /** Of the button it belongs to. */
  state: PopupState;
  side?: "top" | "bottom";
  align?: "start" | "end";
  children: ReactNode;
}

/** The menu of a button that has the trigger of a {@link usePopup}. */
export function Menu({ state, side = "bottom", align = "end", children }: MenuProps) {
  return (
    <Base.Root open={state.isOpen} onOpenChange={state.onOpenChange}>
      <Base.Portal>
        <Base.Positioner anchor={state.anchor} side={side} align={align} sideOffset={4} className="z-50">
          <Base.Popup
            aria-label={state.label}
            className="max-w-[calc(100vw-16px)] min-w-48 rounded-lg border border-line bg-bg p-1 shadow-lg outline-none"
          >
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

interface MenuItemProps {
  icon?: ReactNode;
  keys?: readonly string[];
  danger?: boolean;
  disabled?: boolean;
  children: ReactNode;
}

const ITEM =
  "flex min-h-8 w-full cursor-pointer items-center gap-2 rounded-md px-2 text-left outline-none select-none data-disabled:cursor-default data-disabled:opacity-50 data-highlighted:bg-hover pointer-coarse:min-h-10";

export function MenuItem({ onSelect, disabled, ...look }: MenuItemProps & { onSelect: () => void }) {
  return (
    <Base.Item
      onClick={onSelect}
      disabled={disabled ?? false}
      className={`${ITEM} ${look.danger ? "text-danger" : ""}`}
    >
      <ItemContent {...look} />
    </Base.Item>
  );
}

export function MenuLink({ href, ...look }: Omit<MenuItemProps, "disabled"> & { href: string }) {
  return (
    <Base.LinkItem render={<Link href={href} />} closeOnClick className={ITEM}>
      <ItemContent {...look} />
    </Base.LinkItem>
  );
}

function ItemContent({ icon, keys, children }: MenuItemProps) {
  return (
    <>
      {icon !== undefined && <span className="text-muted [[data-highlighted]_&]:text-current">{icon}</span>}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {keys?.map((key) => (
        <Kbd key={key}>{key}</Kbd>
      ))}
    </>
  );
}

/** One of several, such as the theme. */
export function MenuChoice<Value extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: Value;
  options: readonly { value: Value; label: string }[];
  onChange: (value: Value) => void;
}) {
  return (
    <Base.RadioGroup value={value} onValueChange={(next: Value) => onChange(next)}>
      <Base.GroupLabel className="px-2 pt-1.5 pb-0.5 text-small text-muted">{label}</Base.GroupLabel>
      {options.map((option) => (
        <Base.RadioItem key={option.value} value={option.value} className={ITEM}>
          <span className="flex-1">{option.label}</span>
          <Base.RadioItemIndicator className="text-accent">✓</Base.RadioItemIndicator>
        </Base.RadioItem>
      ))}
    </Base.RadioGroup>
  );
}

/** Items under a line that says what they are about. */
export function MenuSection({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Base.Group>
      <MenuSeparator />
      <Base.GroupLabel className="max-w-64 truncate px-2 pt-1.5 pb-0.5 text-small text-muted" title={label}>
        {label}
      </Base.GroupLabel>
      {children}
    </Base.Group>
  );
}

export function MenuSeparator() {
  return <Base.Separator className="my-1 h-px bg-line" />;
}
