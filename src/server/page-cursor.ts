/** Pages of lists that are sorted by a time and, where times are equal, by id; or by a place that no two share. */
import { and, type Column, eq, gt, lt, or, type SQL } from "drizzle-orm";
import { z } from "zod";
import { AppError } from "./errors";

/** Where a page of a list ended: opaque to callers, and good whatever became of the row since. */
interface PagePosition {
  /** ISO time or place by which the list is sorted. */
  at: string | number;
  id: string;
}

export interface PageRequest {
  /** The `nextCursor` of the page before; the first page when not given. */
  cursor?: string | undefined;
  limit: number;
}

export interface Page<T> {
  items: T[];
  /** Null on the last page. */
  nextCursor: string | null;
}

const position = z.tuple([z.iso.datetime(), z.string().min(1)]);
const place = z.tuple([
  z
    .string()
    .regex(/^-?\d{1,15}$/)
    .transform(Number),
  z.string().min(1),
]);

/**
 * The condition for rows behind the cursor; none without a cursor.
 * @throws AppError `bad_input` for a cursor that no page gave
 */
export function behindCursor(
  cursor: string | undefined,
  columns: { at: Column; id: Column },
  order: "newest first" | "oldest first",
): SQL | undefined {
  if (cursor === undefined) return undefined;
  const [at, id] = decodeCursor(cursor, position);
  const behind = order === "newest first" ? lt : gt;
  return or(behind(columns.at, at), and(eq(columns.at, at), behind(columns.id, id)));
}

/** As {@link behindCursor}, for a list in the order of its places. */
export function behindPlace(cursor: string | undefined, column: Column): SQL | undefined {
  if (cursor === undefined) return undefined;
  const [at] = decodeCursor(cursor, place);
  return gt(column, at);
}

/** @param rows one more than the page's limit where the list goes on */
export function pageOf<Row, Item>(
  rows: Row[],
  limit: number,
  read: { positionOf(row: Row): PagePosition; itemOf(row: Row, index: number): Item },
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const goesOn = rows.length > limit && last !== undefined;
  return { items: shown.map(read.itemOf), nextCursor: goesOn ? encodeCursor(read.positionOf(last)) : null };
}

function encodeCursor({ at, id }: PagePosition): string {
  return Buffer.from(`${at}|${id}`).toString("base64url");
}

function decodeCursor<T>(cursor: string, form: z.ZodType<T>): T {
  const parsed = form.safeParse(Buffer.from(cursor, "base64url").toString("utf8").split("|"));
  if (!parsed.success) {
    throw new AppError(
      "BAD_REQUEST",
      "bad_input",
      "No page of this list gave that cursor. Send the `nextCursor` of the page before, or none for the first page.",
    );
  }
  return parsed.data;
}
