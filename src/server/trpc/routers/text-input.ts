import { z } from "zod";

/**
 * What every text that people send starts from. The database gives a text back only up to U+0000, so what is read would not
 * be what was written.
 */
export const textInput = z
  .string()
  .refine(
    (text) => !text.includes("\0"),
    "it holds the character U+0000, which no text here can; take it out",
  );
