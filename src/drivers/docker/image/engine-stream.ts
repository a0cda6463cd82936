import type Docker from "dockerode";
import { z } from "zod";

/** One line of the engine's build, pull and import streams. */
const progressItem = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
});
export type ProgressItem = z.infer<typeof progressItem>;

/** The engine's own failure inside a stream that began well; `output` holds the last lines before it. */
export class EngineStreamError extends Error {
  override readonly name = "EngineStreamError";
  constructor(
    message: string,
    readonly output: string,
  ) {
    super(message);
  }
}

const KEPT_LINES = 30;

/**
 * Reads a progress stream to its end.
 * @throws EngineStreamError when the engine reports a failure in it; the stream's own error when it breaks.
 */
export async function readProgress(
  docker: Docker,
  stream: NodeJS.ReadableStream,
  onItem: (item: ProgressItem) => void,
): Promise<void> {
  const output: string[] = [];
  const failures: string[] = [];
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error) => (error ? reject(error) : resolve()),
      (raw: unknown) => {
        const parsed = progressItem.safeParse(raw);
        if (!parsed.success) return;
        if (parsed.data.stream?.trim()) output.push(parsed.data.stream.trimEnd());
        output.splice(0, output.length - KEPT_LINES);
        if (parsed.data.error) failures.push(parsed.data.error);
        onItem(parsed.data);
      },
    );
  }).catch((error: unknown) => {
    // followProgress rejects with the stream's own report in some versions; the report with its output says more.
    if (failures.length === 0) throw error;
  });
  if (failures[0] !== undefined) throw new EngineStreamError(failures[0], output.join("\n"));
}
