"use client";

import { Tabs as Base } from "@base-ui/react/tabs";
import type { ReactNode } from "react";

export interface TabItem<Value extends string> {
  value: Value;
  label: ReactNode;
}

interface TabsProps<Value extends string> {
  /** What the row of tabs chooses among, read out. */
  label: string;
  value: Value;
  tabs: readonly TabItem<Value>[];
  onChange: (value: Value) => void;
  /** At the row's end. */
  actions?: ReactNode;
  /** {@link TabPanel}s */
  children: ReactNode;
  className?: string;
}

export function Tabs<Value extends string>({ label, value, tabs, onChange, ...rest }: TabsProps<Value>) {
  return (
    <Base.Root
      value={value}
      onValueChange={(next: Value) => onChange(next)}
      className={`flex flex-col ${rest.className ?? ""}`}
    >
      <div className="flex items-center gap-2 border-b border-line">
        <Base.List aria-label={label} className="flex min-w-0 flex-1 gap-1 overflow-x-auto">
          {tabs.map((tab) => (
            <Base.Tab
              key={tab.value}
              value={tab.value}
              className="-mb-px inline-flex min-h-9 cursor-pointer items-center gap-1.5 border-b-2 border-transparent px-2 whitespace-nowrap text-muted -outline-offset-2 hover:text-fg data-active:border-accent data-active:text-fg pointer-coarse:min-h-10"
            >
              {tab.label}
            </Base.Tab>
          ))}
        </Base.List>
        {rest.actions}
      </div>
      {rest.children}
    </Base.Root>
  );
}

/** @param keepMounted for what must go on while it is not seen, such as a terminal */
export function TabPanel({
  value,
  keepMounted = false,
  className = "",
  children,
}: {
  value: string;
  keepMounted?: boolean;
  className?: string;
  children: ReactNode;
}) {
  return (
    <Base.Panel value={value} keepMounted={keepMounted} className={`-outline-offset-2 ${className}`}>
      {children}
    </Base.Panel>
  );
}
