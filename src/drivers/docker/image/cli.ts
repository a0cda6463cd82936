/**
 * Builds the session image: `node --import tsx src/drivers/docker/image/cli.ts --socket PATH --cache DIR [--extra-ca FILE] [--agent-uid N]`.
 * Progress goes to stderr, the image's reference alone to stdout.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Docker from "dockerode";
import { DriverError } from "../../driver";
import { ensureSessionImage } from "./session-image";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      socket: { type: "string", default: "/var/run/docker.sock" },
      cache: { type: "string", default: ".cache" },
      "extra-ca": { type: "string" },
      "agent-uid": { type: "string" },
    },
  });
  const { ref } = await ensureSessionImage({
    docker: new Docker({ socketPath: values.socket }),
    rootDir: fileURLToPath(new URL("../../../../", import.meta.url)),
    cacheDir: values.cache,
    extraCaFile: values["extra-ca"],
    agentUid: values["agent-uid"] === undefined ? undefined : Number(values["agent-uid"]),
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(`${ref}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(
    error instanceof DriverError ? `${error.detail}\n\n${error.message}\n` : `${String(error)}\n`,
  );
  process.exitCode = 1;
});
