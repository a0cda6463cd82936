import type { SelectOption } from "../_ui/select";

const USUAL_MINUTES = [15, 60, 240, 1440] as const;
const UNITS = [
  { name: "day", minutes: 1440 },
  { name: "hour", minutes: 60 },
  { name: "minute", minutes: 1 },
] as const;

/** When a session that nobody uses is stopped. @param minutes 0: never */
export function idleLimitText(minutes: number): string {
  if (minutes === 0) return "never";
  const unit = UNITS.find((candidate) => minutes % candidate.minutes === 0) ?? UNITS[2];
  const count = minutes / unit.minutes;
  return `after ${count} ${unit.name}${count === 1 ? "" : "s"}`;
}

/** {@link idleLimitText} as what happens here. */
export function idleLimitSentence(minutes: number): string {
  return minutes === 0
    ? "Sessions that nobody uses go on running."
    : `Sessions that nobody uses stop ${idleLimitText(minutes)}.`;
}

/** To choose from: the usual ones and the one that is set. Values are minutes. */
export function idleOptions(set: number): SelectOption<string>[] {
  const minutes = [...new Set([...USUAL_MINUTES, set])].filter((each) => each > 0).sort((a, b) => a - b);
  return [...minutes, 0].map((each) => ({ value: String(each), label: capital(idleLimitText(each)) }));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
