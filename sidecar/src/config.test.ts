import { describe, expect, it } from "vitest";
import { imageConfig } from "./config";

describe("imageConfig", () => {
  it("drops to uid 1000, or to the one that the image was built with", () => {
    expect(imageConfig({})).toMatchObject({ agentUid: 1000 });
    const other = imageConfig({ OPENAGENT_AGENT_UID: "1001" });
    expect(other.agentUid).toBe(1001);
    expect(other.agentPrefix).toEqual(
      expect.arrayContaining(["--reuid=1001", "--regid=1001", "--ambient-caps=-all"]),
    );
  });
  it("gives terminals one group more than the agent, which has none", () => {
    const { agentPrefix, terminalPrefix } = imageConfig({});
    expect(agentPrefix).toContain("--clear-groups");
    expect(terminalPrefix).toEqual(
      agentPrefix.map((word) => (word === "--clear-groups" ? "--groups=100" : word)),
    );
  });
  it("refuses root and nonsense", () => {
    for (const uid of ["0", "-1", "agent"]) expect(() => imageConfig({ OPENAGENT_AGENT_UID: uid })).toThrow();
  });
  it("passes certificate bundles on and nothing else", () => {
    const config = imageConfig({ SSL_CERT_FILE: "/ca.pem", SECRET: "x" });
    expect(config.passedEnvironment).toEqual({ SSL_CERT_FILE: "/ca.pem" });
  });
});
