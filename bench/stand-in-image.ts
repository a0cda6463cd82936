/** A session image whose agent can be swapped for {@link file://./stand-in-agent.mjs}. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packContext } from "../src/drivers/docker/image/context";
import { readProgress } from "../src/drivers/docker/image/engine-stream";
import type { BenchContext } from "./context";

const REPOSITORY = "openagent-bench";
const AGENT = "opencode";
const dockerfile = (base: string) => `FROM ${base}\nCOPY ${AGENT} /opt/openagent/bin/opencode\n`;

export interface SwappableImage {
  /** What the server is given; what it means is looked up at each session's start. */
  ref: string;
  /** Sessions that start from now on have the stand-in for an agent. */
  useStandIn(): Promise<void>;
}

/** The session image under a name of its own, which is gone when the run has ended. */
export async function swappableImage({ docker, image, cleanup }: BenchContext): Promise<SwappableImage> {
  const tag = randomUUID();
  const ref = `${REPOSITORY}:${tag}`;
  await docker.getImage(image).tag({ repo: REPOSITORY, tag });
  cleanup.add(() => docker.getImage(ref).remove());
  return {
    ref,
    async useStandIn() {
      const { stream, done } = packContext([
        { name: "Dockerfile", mode: 0o644, content: Buffer.from(dockerfile(image)) },
        { name: AGENT, mode: 0o755, content: readFileSync(join(import.meta.dirname, "stand-in-agent.mjs")) },
      ]);
      const output = await docker.buildImage(stream, { t: ref });
      await done;
      await readProgress(docker, output, () => undefined);
    },
  };
}
