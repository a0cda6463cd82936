const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** @returns "0 bytes", "512 KiB", "3.4 GiB" */
export function byteSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // What rounds to 1024 of one unit is one of the next.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit > 1 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ""}`;
}
