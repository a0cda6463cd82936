/** A JSON object out of a text from outside; null for anything else. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function hasStrings(value: Record<string, unknown>, names: readonly string[]): boolean {
  return names.every((name) => typeof value[name] === "string");
}

/** @returns without those that `parse` does not know what to do with; they are reported, as they are faults of ours */
export function parseAll<Row, Item>(rows: readonly Row[], parse: (row: Row) => Item | null): Item[] {
  return rows.flatMap((row) => {
    const item = parse(row);
    if (item === null) console.warn("Left out a row of the mirror that has the wrong form", row);
    return item === null ? [] : [item];
  });
}
