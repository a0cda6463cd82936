import { describe, expect, it } from "vitest";
import type { InstanceSpec } from "../driver";
import { containerConfig, type Installation } from "./container-config";

const INSTALLATION: Installation = {
  prefix: "oa-3f2a",
  runDir: "/var/lib/openagent/run",
  seccompProfile: '{"defaultAction":"SCMP_ACT_ERRNO"}',
};
const SPEC: InstanceSpec = {
  instanceId: "ins_11111111222222223333333344444444",
  sessionId: "ses_aaaaaaaabbbbbbbbccccccccdddddddd",
  image: "openagent-session:1f3a",
  limits: { memoryBytes: 2 * 1024 ** 3, cpus: 1.5, pids: 512 },
};
const LABELS = {
  "openagent.installation": "oa-3f2a",
  "openagent.session": "ses_aaaaaaaabbbbbbbbccccccccdddddddd",
};

/** The golden specification: a change here is a change of the sandbox and needs a second pair of eyes. */
const GOLDEN = {
  name: "oa-3f2a-ins_11111111222222223333333344444444",
  Image: "openagent-session:1f3a",
  Hostname: "ses-aaaaaaaa",
  Labels: { ...LABELS, "openagent.instance": "ins_11111111222222223333333344444444" },
  Tty: false,
  AttachStdin: true,
  AttachStdout: false,
  AttachStderr: false,
  OpenStdin: true,
  StdinOnce: true,
  HostConfig: {
    NetworkMode: "none",
    ReadonlyRootfs: true,
    Privileged: false,
    CapDrop: ["ALL"],
    CapAdd: ["SETUID", "SETGID", "KILL"],
    SecurityOpt: ["no-new-privileges", 'seccomp={"defaultAction":"SCMP_ACT_ERRNO"}'],
    IpcMode: "private",
    UsernsMode: "",
    Devices: [],
    Memory: 2_147_483_648,
    MemorySwap: 2_147_483_648,
    NanoCpus: 1_500_000_000,
    PidsLimit: 512,
    Ulimits: [
      { Name: "nofile", Soft: 16_384, Hard: 16_384 },
      { Name: "core", Soft: 0, Hard: 0 },
    ],
    RestartPolicy: { Name: "no" },
    AutoRemove: false,
    Init: false,
    LogConfig: { Type: "local", Config: { "max-size": "10m", "max-file": "2" } },
    Tmpfs: {
      "/tmp": "rw,exec,nosuid,nodev,size=512m,mode=1777",
      "/opt/openagent/config": "rw,noexec,nosuid,nodev,size=8m,mode=0755,uid=900,gid=900",
    },
    Mounts: [
      {
        Type: "volume",
        Source: "oa-3f2a-ses_aaaaaaaabbbbbbbbccccccccdddddddd-workspace",
        Target: "/workspace",
        ReadOnly: false,
        VolumeOptions: { NoCopy: false, Labels: LABELS, DriverConfig: { Name: "local", Options: {} } },
      },
      {
        Type: "volume",
        Source: "oa-3f2a-ses_aaaaaaaabbbbbbbbccccccccdddddddd-state",
        Target: "/state",
        ReadOnly: false,
        VolumeOptions: { NoCopy: false, Labels: LABELS, DriverConfig: { Name: "local", Options: {} } },
      },
      {
        Type: "bind",
        Source: "/var/lib/openagent/run/ins_11111111222222223333333344444444",
        Target: "/run/openagent",
        ReadOnly: false,
        BindOptions: { Propagation: "rprivate" },
      },
    ],
  },
};

describe("containerConfig", () => {
  it("is the golden specification, key for key", () => {
    expect(containerConfig(SPEC, INSTALLATION)).toStrictEqual(GOLDEN);
  });

  it("differs between two sessions only in ids, image and limits", () => {
    const other = containerConfig(
      {
        instanceId: "ins_99999999",
        sessionId: "ses_88888888",
        image: "other:1",
        limits: { memoryBytes: 64e6, cpus: 0.5, pids: 64 },
      },
      INSTALLATION,
    );
    const text = JSON.stringify(other)
      .replaceAll("ins_99999999", SPEC.instanceId)
      .replaceAll("ses_88888888", SPEC.sessionId)
      .replace("ses-88888888", "ses-aaaaaaaa")
      .replace("other:1", SPEC.image)
      .replaceAll("64000000", "2147483648")
      .replace('"NanoCpus":500000000', '"NanoCpus":1500000000')
      .replace('"PidsLimit":64', '"PidsLimit":512');
    expect(JSON.parse(text)).toStrictEqual(GOLDEN);
  });

  it.each([
    { instanceId: "ins_1111/../../../etc" },
    { sessionId: "ses_aaaaaaaa,volume-driver=x" },
    { sessionId: "/var/run/docker.sock" },
  ])("refuses %j", (wrong) => {
    expect(() => containerConfig({ ...SPEC, ...wrong }, INSTALLATION)).toThrow(
      /not an id that OpenAgent makes/,
    );
  });
});
