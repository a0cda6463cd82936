import { z } from "zod";

export const DEFAULT_PAGE = 50;

/** Every list's input: `cursor` is what the page before gave as `nextCursor`. */
export const pageInput = z.object({
  cursor: z.string().max(128).optional(),
  limit: z.number().int().min(1).max(100).default(DEFAULT_PAGE),
});

export const idInput = z.string().min(1).max(128);
