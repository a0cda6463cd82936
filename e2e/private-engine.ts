/**
 * An engine of the test's own, to be killed and filled up: dockerd with its containerd, image and containers, in mount,
 * network and process namespaces whose first process reads our pipe. Close the pipe, or kill the test, and the kernel ends every process
 * and mount in there; what remains is a directory.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ENGINE_SOCKET, poll, until } from "./harness";

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const CGROUPS = "/sys/fs/cgroup";

export interface PrivateEngine {
  /** For `DOCKER_HOST`. */
  host: string;
  /** Where it keeps images and volumes. Mounts below it are seen by {@link inside} alone. */
  dataRoot: string;
  docker(...args: string[]): Promise<string>;
  /** Runs a program among the engine's mounts and processes. @returns what it printed */
  inside(...command: string[]): Promise<string>;
  /** Starts dockerd again. @returns once it answers */
  start(opts: { liveRestore: boolean }): Promise<void>;
  /** Ends dockerd. @returns once it has ended */
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Ends every process of it at once, containers too. */
  losePower(): Promise<void>;
  close(): Promise<void>;
}

/** It needs namespaces and mounts. */
export const canRunEngine =
  process.getuid?.() === 0 && ["/usr/sbin/dockerd", "/usr/bin/dockerd"].some((path) => existsSync(path));

/**
 * Does not answer before {@link PrivateEngine.start}.
 * @param opts.sizeMiB of its disk, which is in memory: that goes with the namespaces, and at once
 */
export async function createPrivateEngine({ sizeMiB = 4096 } = {}): Promise<PrivateEngine> {
  const dir = mkdtempSync(join(tmpdir(), "oa-engine-"));
  const dataRoot = join(dir, "data");
  const socket = join(dir, "docker.sock");
  const host = `unix://${socket}`;
  const cgroup = `oa-engine-${randomBytes(4).toString("hex")}`;
  mkdirSync(dataRoot);
  // The machine's own settings would contradict these arguments.
  writeFileSync(join(dir, "daemon.json"), "{}");
  const room = await openRoom();
  await room.run("mount", "-t", "tmpfs", "-o", `size=${sizeMiB}m`, "data", dataRoot);
  let daemon: ChildProcess | null = null;
  let log = "";

  const docker = async (...args: string[]) =>
    (await run("docker", ["-H", host, ...args], { maxBuffer: MAX_OUTPUT_BYTES })).stdout;
  const endDaemon = async (end: (pid: number) => Promise<void>) => {
    const ending = daemon;
    daemon = null;
    if (ending?.pid === undefined) throw new Error("the private engine does not run");
    const exit = new Promise((resolve) => ending.once("exit", resolve));
    await end(onlyChildOf(ending.pid));
    await exit;
  };

  return {
    host,
    dataRoot,
    docker,
    inside: room.run,
    async start({ liveRestore }) {
      const child = spawn(
        "nsenter",
        [
          ...room.enter,
          "dockerd",
          ...daemonArguments({ dir, dataRoot, host, cgroup }),
          ...(liveRestore ? ["--live-restore"] : []),
        ],
        {
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      daemon = child;
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
      await until(async () => {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`the private engine ended:\n${log.slice(-4000)}`);
        return docker("version").then(
          () => true,
          () => false,
        );
      }, "the private engine");
    },
    stop: (signal) => endDaemon(async (pid) => void process.kill(pid, signal)),
    // To all that a process can reach in its namespace: all but the first.
    losePower: () => endDaemon(async () => void (await room.run("bash", "-c", "kill -KILL -1"))),
    async close() {
      await room.close();
      await removeCgroups(cgroup);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function daemonArguments(at: { dir: string; dataRoot: string; host: string; cgroup: string }): string[] {
  return [
    ...["--config-file", join(at.dir, "daemon.json"), "--data-root", at.dataRoot],
    ...["--exec-root", join(at.dir, "run"), "--pidfile", join(at.dir, "dockerd.pid"), "-H", at.host],
    // Sessions have no network. The engine has one of its own: with these arguments it removes a bridge of the default name.
    ...["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"],
    ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", `/${at.cgroup}`],
  ];
}

/** Copies an image from the engine that the tests use. */
export async function copyImage(engine: PrivateEngine, image: string): Promise<void> {
  await run("bash", [
    "-o",
    "pipefail",
    "-c",
    'docker -H "$1" save "$3" | docker -H "$2" load',
    "copy",
    `unix://${ENGINE_SOCKET}`,
    engine.host,
    image,
  ]);
}

interface Room {
  /** Arguments of nsenter, before a program's. */
  enter: string[];
  run(...command: string[]): Promise<string>;
  close(): Promise<void>;
}

/** Namespaces that last as long as this process, or until they are closed. */
async function openRoom(): Promise<Room> {
  // bash, which takes in orphans while it reads: containerd does not start beside a dead one of its pid. Its own /run keeps
  // the sockets of containerd's shims apart.
  const program = "mount -t tmpfs run /run && echo open && while read -r; do :; done";
  const unshare = spawn(
    "unshare",
    ["--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "bash", "-c", program],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const exit = new Promise((resolve) => unshare.once("exit", resolve));
  await new Promise<void>((resolve, reject) => {
    unshare.stdout.once("data", () => resolve());
    unshare.once("error", reject);
    unshare.once("exit", (code) => reject(new Error(`no namespaces: unshare ended with ${code}`)));
  });
  if (unshare.pid === undefined) throw new Error("unshare has no pid");
  const enter = ["--target", String(onlyChildOf(unshare.pid)), "--mount", "--pid", "--net", "--"];
  return {
    enter,
    run: async (...command) => (await run("nsenter", [...enter, ...command])).stdout,
    async close() {
      unshare.stdin.end();
      await exit;
    },
  };
}

function onlyChildOf(pid: number): number {
  const [child, ...more] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  if (!child || more.length > 0) throw new Error(`process ${pid} has not one child`);
  return Number(child);
}

/** Empty they are, as soon as the kernel has done with the processes; one a controller, or one in all. */
async function removeCgroups(name: string): Promise<void> {
  const parents = [CGROUPS, ...readdirSync(CGROUPS).map((controller) => join(CGROUPS, controller))]
    .map((at) => join(at, name))
    .filter((at) => existsSync(at));
  for (const parent of parents)
    await poll(async () => (removeTree(parent) ? true : undefined), `the end of cgroup ${parent}`);
}

/** @returns whether it is gone */
function removeTree(dir: string): boolean {
  try {
    for (const entry of readdirSync(dir, { withFileTypes: true }))
      if (entry.isDirectory()) removeTree(join(dir, entry.name));
    rmdirSync(dir);
    return true;
  } catch {
    return false; // Something in it is about to end.
  }
}
