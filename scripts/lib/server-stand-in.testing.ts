/** For tests: a process that looks like the server of a data directory and answers /readyz as told. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENTRY, recordServer } from "./server-process.mjs";

export interface StandIn {
  dataDir: string;
  port: number;
  url: string;
  /** The process ends; what it wrote down stays, as after a crash. */
  end(): Promise<void>;
  /** Ends it and removes its data directory. */
  close(): Promise<void>;
}

/** Prints its port; with status null it stops listening first. */
const PROGRAM = `
  const status = JSON.parse(process.argv[2]);
  const server = require("node:http").createServer((req, res) => {
    res.statusCode = req.url === "/readyz" ? status : 404;
    res.end("stand-in says " + res.statusCode);
  });
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    const tell = () => console.log(port);
    if (status === null) server.close(tell);
    else tell();
  });
  process.stdin.on("end", () => process.exit()).resume();
`;

/** @param opts.status of /readyz; null: nothing listens on its port */
export async function startStandIn(opts: { status: number | null }): Promise<StandIn> {
  const dataDir = mkdtempSync(join(tmpdir(), "oa-stand-in-"));
  // A server is known by its program among the arguments. It ends with its standard input, so never outlives a test run.
  const child = spawn(process.execPath, ["-e", PROGRAM, ENTRY, JSON.stringify(opts.status)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  const url = `http://127.0.0.1:${port}`;
  recordServer(dataDir, { pid: child.pid ?? 0, startedWith: { port, url, localUrl: url, image: "image:1" } });
  const end = async () => {
    child.stdin.end();
    await closed;
  };
  return {
    dataDir,
    port,
    url,
    end,
    async close() {
      await end();
      rmSync(dataDir, { recursive: true });
    },
  };
}
