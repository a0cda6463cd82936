import { Writable } from "node:stream";
import type Docker from "dockerode";
import { PATHS, SIDECAR_UID } from "../../../../sidecar/src/image-places";

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Starts the agent's processes as the sidecar must: no capability, no group, by setpriv and never by a uid option. */
export const AS_AGENT = [
  "setpriv",
  "--reuid",
  "agent",
  "--regid",
  "agent",
  "--clear-groups",
  "--inh-caps=-all",
  "--ambient-caps=-all",
  "--",
];

/** A container of the image with the walls that the driver sets; the test removes it. */
export async function startWalled(
  docker: Docker,
  plan: { ref: string; volumes: { workspace: string; state: string }; seccomp: string },
): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: plan.ref,
    OpenStdin: true,
    HostConfig: {
      NetworkMode: "none",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      CapAdd: ["SETUID", "SETGID", "KILL"],
      SecurityOpt: ["no-new-privileges", `seccomp=${plan.seccomp}`],
      Tmpfs: {
        "/tmp": "rw,exec,nosuid,nodev,size=256m,mode=1777",
        [PATHS.config]: `rw,size=8m,mode=0755,uid=${SIDECAR_UID},gid=${SIDECAR_UID}`,
      },
      Mounts: [
        { Type: "volume", Source: plan.volumes.workspace, Target: "/workspace" },
        { Type: "volume", Source: plan.volumes.state, Target: "/state" },
      ],
    },
  });
  await container.start();
  return container;
}

/** Runs a program in the container to its end. */
export async function run(
  docker: Docker,
  container: Docker.Container,
  command: string[],
  env: string[] = [],
): Promise<Ran> {
  const exec = await container.exec({ Cmd: command, Env: env, AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({});
  const output = { stdout: "", stderr: "" };
  docker.modem.demuxStream(stream, collect(output, "stdout"), collect(output, "stderr"));
  await new Promise<void>((resolve, reject) => stream.once("end", resolve).once("error", reject));
  const { ExitCode } = await exec.inspect();
  return { code: ExitCode ?? -1, ...output };
}

function collect(output: { stdout: string; stderr: string }, key: "stdout" | "stderr"): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      output[key] += chunk.toString("utf8");
      done();
    },
  });
}

/** Waits until the container's log has a line that matches. @throws Error with the log when it does not within `deadlineMs` */
export async function logLine(
  container: Docker.Container,
  pattern: RegExp,
  deadlineMs = 90_000,
): Promise<RegExpExecArray> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const log = (await container.logs({ stdout: true, stderr: true })).toString("utf8");
    const match = pattern.exec(log);
    if (match) return match;
    if (Date.now() > end) throw new Error(`no ${pattern} in the container's log:\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
