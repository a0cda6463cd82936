import type { TokenUsage } from "../../../../../../sidecar/src/contract";

/** @returns "80 ms", "0.4 s", "12 s", "2 min 5 s", "1 h 2 min" */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 100) return `${whole} ms`;
  if (whole < 9_950) return `${(whole / 1000).toFixed(1).replace(/\.0$/, "")} s`;
  const seconds = Math.round(whole / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(`${minutes} min`, seconds % 60, "s");
  return joined(`${Math.floor(minutes / 60)} h`, minutes % 60, "min");
}

function joined(larger: string, rest: number, unit: string): string {
  return rest === 0 ? larger : `${larger} ${rest} ${unit}`;
}

/** Milliseconds between two ISO times; null when one is missing or no time. */
export function between(start: string | undefined, end: string | undefined | null): number | null {
  if (start === undefined || end === undefined || end === null) return null;
  const ms = Date.parse(end) - Date.parse(start);
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

/** @returns "950", "1.2k", "12k", "1.2M" */
export function tokenCount(tokens: number): string {
  if (tokens < 1000) return String(Math.round(tokens));
  if (tokens < 999_500) return short(tokens / 1000, "k");
  return short(tokens / 1_000_000, "M");
}

function short(value: number, unit: string): string {
  return `${value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)}${unit}`;
}

/** USD; small sums keep two digits that say something. */
export function money(usd: number): string {
  if (usd === 0) return "$0";
  if (usd < 0.0001) return "<$0.0001";
  return usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`;
}

export function allTokens(tokens: TokenUsage): number {
  return tokens.input + tokens.output + tokens.reasoning + tokens.cacheRead + tokens.cacheWrite;
}

/** Hour and minute, with the day when it is not today's. */
export function clockTime(iso: string, now: Date = new Date()): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const time = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.toLocaleDateString(undefined, { month: "short", day: "numeric" })}, ${time}`;
}
