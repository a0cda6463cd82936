/** Where a page of a list ended: opaque to callers, and good whatever became of the row since. */
export interface PagePosition {
  /** ISO time by which the list is sorted. */
  at: string;
  id: string;
}

export function encodeCursor(position: PagePosition): string {
  return Buffer.from(`${position.at}|${position.id}`).toString("base64url");
}

/** @returns null for a text that no page gave; the list then starts at its beginning */
export function decodeCursor(cursor: string | undefined): PagePosition | null {
  if (cursor === undefined) return null;
  const [at, id] = Buffer.from(cursor, "base64url").toString("utf8").split("|");
  return at && id ? { at, id } : null;
}
