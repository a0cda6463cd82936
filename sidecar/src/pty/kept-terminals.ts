/** Terminals of a session outlive its container: what they showed is written down as it ends, and read by the next one. */
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { z } from "zod";
import { wireId } from "../contract";
import { terminalSize } from "../protocol";
import type { TerminalHistory } from "./terminal";

export interface KeptTerminal {
  terminalId: string;
  cols: number;
  rows: number;
  history: TerminalHistory;
}

/** More than as many terminals as there may be, each with all the output that is kept, take in base64. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

const keptFile = z.array(
  terminalSize.extend({
    terminalId: wireId,
    endOffset: z.number().int().nonnegative(),
    output: z.base64().transform((text) => Buffer.from(text, "base64")),
  }),
);

/** Writes them to `path`, whole or not at all. */
export async function keepTerminals(path: string, terminals: readonly KeptTerminal[]): Promise<void> {
  const written = terminals.map(({ history, ...terminal }) => ({
    ...terminal,
    endOffset: history.endOffset,
    output: history.output.toString("base64"),
  }));
  await writeFile(`${path}.new`, JSON.stringify(written), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/**
 * What {@link keepTerminals} wrote, once: they are another container's from now on.
 * @throws Error for a file that it did not write; there is none then either
 */
export async function takeKeptTerminals(path: string): Promise<KeptTerminal[]> {
  const text = await readIfThere(path);
  if (text === null) return [];
  await rm(path, { force: true });
  return keptFile.parse(JSON.parse(text)).map(({ output, endOffset, ...terminal }) => {
    if (endOffset < output.length) throw new Error("A terminal's output is longer than it says.");
    return { ...terminal, history: { output, endOffset } };
  });
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    if ((await stat(path)).size <= MAX_FILE_BYTES) return await readFile(path, "utf8");
    await rm(path, { force: true });
    throw new Error("The file of kept terminals is larger than any that was written.");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
