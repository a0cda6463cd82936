const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

/** As people read it: `0 B`, `512 KiB`, `1.5 GiB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  let [value, unit] = [bytes / 1024, 0];
  // What would be rounded to 1,024 is one of the next.
  while (value >= 1023.5 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit] ?? ""}`;
}
