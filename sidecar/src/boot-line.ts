import type { Readable } from "node:stream";
import { bootLine, type BootLine } from "./protocol";

const MAX_LINE_BYTES = 4096;

/**
 * Waits for the one line that the server writes to standard input; a pooled container may wait long.
 * @throws Error without the line's content, which holds the token.
 */
export async function readBootLine(input: Readable): Promise<BootLine> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    const data = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    chunks.push(data);
    length += data.length;
    if (data.includes(0x0a) || length > MAX_LINE_BYTES) break;
  }
  const line = Buffer.concat(chunks).toString("utf8").split("\n", 1)[0] ?? "";
  const parsed = bootLine.safeParse(jsonOf(line));
  if (!parsed.success) throw new Error("standard input did not bring a boot line");
  return parsed.data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema refuses null, and nothing of the line is told.
    return null;
  }
}
