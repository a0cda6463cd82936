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

/**
 * Prints its port; with status null it stops listening first. Like the server, it tells its health by a loopback name
 * alone.
 */
const PROGRAM = `
  const { status, host } = JSON.parse(process.argv[2]);
  const server = require("node:http").createServer((req, res) => {
    const { port } = server.address();
    const isOurs = ["127.0.0.1:" + port, "localhost:" + port].includes(req.headers.host);
    res.statusCode = !isOurs ? 403 : req.url === "/readyz" ? status : 404;
    res.end("stand-in says " + res.statusCode);
  });
  server.listen(0, host, () => {
    const { port } = server.address();
    const tell = () => console.log(port);
    if (status === null) server.close(tell);
    else tell();
  });
  process.stdin.on("end", () => process.exit()).resume();
`;

/**
 * @param opts.status of /readyz; null: nothing listens on its port
 * @param opts.host what it listens on; default 127.0.0.1
 * @param opts.entry its program; default this checkout's server
 */
export async function startStandIn(opts: {
  status: number | null;
  host?: string;
  entry?: string;
}): Promise<StandIn> {
  const { status, host = "127.0.0.1", entry = ENTRY } = opts;
  const dataDir = mkdtempSync(join(tmpdir(), "oa-stand-in-"));
  // A server is known by its program and its data directory. It ends with its standard input, so never outlives a test run.
  const child = spawn(process.execPath, ["-e", PROGRAM, entry, JSON.stringify({ status, host })], {
    env: { NODE_ENV: "production", OPENAGENT_DATA_DIR: dataDir },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  const url = `http://${host}:${port}`;
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
