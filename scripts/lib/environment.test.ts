import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodeProgram, parseEnvironment, pathWithPinnedNode } from "./environment.mjs";

describe("parseEnvironment", () => {
  it("has defaults for everything", () => {
    expect(parseEnvironment({}, "/srv/openagent")).toEqual({
      port: 3000,
      host: "127.0.0.1",
      dataDir: "/srv/openagent/data",
      url: "http://127.0.0.1:3000",
      urlGiven: false,
      localUrl: "http://127.0.0.1:3000",
      dockerSocket: "/var/run/docker.sock",
      dockerSocketGiven: false,
      extraCaFile: undefined,
    });
  });

  it("takes a variable set to nothing for one that is not set", () => {
    const empty = {
      PORT: "",
      HOST: "",
      OPENAGENT_DATA_DIR: "",
      DOCKER_HOST: "",
      EXTRA_CA_FILE: "",
      OPENAGENT_URL: "",
    };
    expect(parseEnvironment(empty, "/srv")).toEqual(parseEnvironment({}, "/srv"));
  });

  it("takes the address people use from OPENAGENT_URL and still probes on this machine", () => {
    const given = { OPENAGENT_URL: "https://agents.example.org/", PORT: "8080", HOST: "0.0.0.0" };
    expect(parseEnvironment(given, "/srv")).toMatchObject({
      url: "https://agents.example.org",
      urlGiven: true,
      localUrl: "http://127.0.0.1:8080",
    });
  });

  it.each([
    ["127.0.0.1", "http://127.0.0.1:3000", "http://127.0.0.1:3000"],
    ["localhost", "http://localhost:3000", "http://localhost:3000"],
    ["::1", "http://[::1]:3000", "http://[::1]:3000"],
    ["0.0.0.0", "http://127.0.0.1:3000", "http://127.0.0.1:3000"],
    ["::", "http://127.0.0.1:3000", "http://127.0.0.1:3000"],
  ])(
    "with HOST=%s names an address that the server answers to, and probes where it listens",
    (HOST, url, localUrl) => {
      expect(parseEnvironment({ HOST }, "/srv")).toMatchObject({ url, localUrl });
    },
  );

  it("takes the path out of DOCKER_HOST", () => {
    const { dockerSocket, dockerSocketGiven } = parseEnvironment(
      { DOCKER_HOST: "unix:///run/user/1000/docker.sock" },
      "/srv",
    );
    expect([dockerSocket, dockerSocketGiven]).toEqual(["/run/user/1000/docker.sock", true]);
  });

  it.each([
    "tcp://127.0.0.1:2375",
    "ssh://root@host",
    "unix://",
    "unix://relative.sock",
    "/var/run/docker.sock",
  ])("refuses DOCKER_HOST=%s and says what it must be", (DOCKER_HOST) => {
    expect(() => parseEnvironment({ DOCKER_HOST }, "/srv")).toThrow(/DOCKER_HOST must be a local socket/);
  });

  it.each(["0", "65536", "3000x", "-1", "http"])("refuses PORT=%s", (PORT) => {
    expect(() => parseEnvironment({ PORT }, "/srv")).toThrow(/PORT must be a number from 1 to 65535/);
  });
});

describe("pathWithPinnedNode", () => {
  it("leads whoever starts `node` by its name to the Node that the rest runs on, whatever the system has", () => {
    const dir = mkdtempSync(join(tmpdir(), "oa-path-"));
    try {
      const systems = join(dir, "node");
      writeFileSync(systems, "#!/bin/sh\necho other\n");
      chmodSync(systems, 0o755);
      const versionBy = (program: string, PATH: string) =>
        execFileSync(program, ["-p", "process.version"], {
          env: { NODE_ENV: "test", PATH },
          encoding: "utf8",
        });
      expect(versionBy("node", dir)).toBe("other\n");
      expect(versionBy("node", pathWithPinnedNode(dir))).toBe(versionBy(nodeProgram(), dir));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
