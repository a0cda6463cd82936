"use client";

import { useId } from "react";
import { THEMES } from "../../../_theme/theme";
import { useTheme } from "../../../_theme/use-theme";
import { Section } from "../section";

export function ThemeSection() {
  const [theme, setTheme] = useTheme();
  const name = useId();
  return (
    <Section title="Theme" lead="In this browser.">
      <fieldset className="flex flex-wrap gap-x-5 gap-y-1">
        <legend className="sr-only">Theme</legend>
        {THEMES.map(({ value, label }) => (
          <label
            key={value}
            className="flex min-h-8 cursor-pointer items-center gap-2 pointer-coarse:min-h-10"
          >
            <input
              type="radio"
              name={name}
              value={value}
              checked={theme === value}
              onChange={() => setTheme(value)}
              className="size-4 accent-accent"
            />
            {label}
          </label>
        ))}
      </fieldset>
    </Section>
  );
}
