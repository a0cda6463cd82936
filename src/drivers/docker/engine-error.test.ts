import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { describe, expect, it } from "vitest";
import { DriverError } from "../driver";
import { isConflict, isNotFound, isNotModified, toDriverError } from "./engine-error";

/** The shape that dockerode throws for an HTTP answer; texts recorded from Engine 20.10. */
function answered(statusCode: number, message: string): Error {
  return Object.assign(new Error(`(HTTP code ${statusCode}) reason - ${message} `), {
    statusCode,
    json: { message },
  });
}
function failed(code: string, message = `connect ${code} /var/run/docker.sock`): Error {
  return Object.assign(new Error(message), { code });
}

describe("toDriverError", () => {
  it.each([
    ["engine_unreachable", failed("ECONNREFUSED")],
    ["engine_unreachable", failed("ENOENT")],
    ["engine_unreachable", failed("ECONNRESET", "socket hang up")],
    ["engine_permission", failed("EACCES")],
    ["image_missing", answered(404, "No such image: openagent-session:1f3a")],
    ["instance_gone", answered(404, "No such container: oa-ins_1")],
    [
      "name_taken",
      answered(
        409,
        'Conflict. The container name "/oa-ins_1" is already in use by container "0a1b". You have to remove it.',
      ),
    ],
    ["out_of_disk", answered(500, "mkdir /var/lib/docker/overlay2/x: no space left on device")],
    ["out_of_disk", failed("ENOSPC", "ENOSPC: no space left on device, mkdir 'run/ins_1'")],
    ["engine_error", answered(500, "OCI runtime create failed")],
    ["engine_error", answered(404, "no such volume")],
    ["engine_error", answered(409, "removal of container x is already in progress")],
    ["engine_error", "a bare string"],
    ["engine_error", undefined],
  ] as const)("gives %s with a sentence, the engine's words and the cause", (code, error) => {
    const mapped = toDriverError(error, "start the container");
    expect(mapped).toBeInstanceOf(DriverError);
    expect(mapped.code).toBe(code);
    expect(mapped.message).toMatch(/^[A-Z].*start the container.*\.$/s);
    expect(mapped.cause).toBe(error);
    if (error instanceof Error) expect(mapped.detail).toBe(error.message.trim());
  });

  it("leaves an error of the boundary as it is", () => {
    const error = new DriverError("name_taken", "m", "d");
    expect(toDriverError(error, "anything")).toBe(error);
  });

  it("names an engine that is not there, from a real failed call", async () => {
    const dir = await mkdtemp(join(tmpdir(), "oa-"));
    const docker = new Docker({ socketPath: join(dir, "none.sock") });
    const error: unknown = await docker.ping().catch((e: unknown) => e);
    expect(toDriverError(error, "ask for the version").code).toBe("engine_unreachable");
    await rm(dir, { recursive: true });
  });

  it("tells the statuses apart that idempotent calls accept", () => {
    expect([404, 304, 409].map((s) => isNotFound(answered(s, "")))).toEqual([true, false, false]);
    expect([404, 304, 409].map((s) => isNotModified(answered(s, "")))).toEqual([false, true, false]);
    expect([404, 304, 409].map((s) => isConflict(answered(s, "")))).toEqual([false, false, true]);
    expect(isNotFound(null)).toBe(false);
  });
});
