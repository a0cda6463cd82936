import { describe, expect, it } from "vitest";
import { refuseAddresses, refuseTarget, type EgressPolicy, type EgressRules } from "./egress-rules";
import { ownNetworks } from "./own-networks";

const OLLAMA = { host: "ollama.lan", port: 11434 };
const SITE = { host: "example.org", port: 443 };

function rules(changes: Partial<EgressRules> = {}): EgressRules {
  return {
    allowPrivate: [OLLAMA],
    policy: { kind: "public" },
    onlyMarked: new Set(["api.provider.example"]),
    ...changes,
  };
}
const hosts = (...list: string[]): EgressPolicy => ({ kind: "hosts", hosts: list });

describe("refuseTarget", () => {
  it("opens a private endpoint to marked connections alone", () => {
    expect(refuseTarget({ target: OLLAMA, marked: true }, rules())).toBeNull();
    expect(refuseTarget({ target: OLLAMA, marked: false }, rules())).toMatchObject({ code: "refused" });
  });

  it("opens a provider's host to marked connections alone", () => {
    const target = { host: "api.provider.example", port: 443 };
    expect(refuseTarget({ target, marked: true }, rules())).toBeNull();
    expect(refuseTarget({ target, marked: false }, rules())).toMatchObject({ code: "refused" });
  });

  it("holds programs to the session's policy, and the sidecar not", () => {
    const ask = (policy: EgressPolicy, host: string, marked = false) =>
      refuseTarget({ target: { host, port: 443 }, marked }, rules({ policy }));
    expect(ask({ kind: "none" }, "example.org")?.message).toMatch(/no access to the network/);
    expect(ask({ kind: "none" }, "example.org", true)).toBeNull();
    expect(ask(hosts("example.org"), "example.org")).toBeNull();
    expect(ask(hosts("Example.ORG"), "example.org")).toBeNull();
    expect(ask(hosts("example.org"), "www.example.org")?.message).toMatch(/not among the hosts/);
    expect(ask(hosts("*.example.org"), "www.example.org")).toBeNull();
    expect(ask(hosts("*.example.org"), "example.org")).not.toBeNull();
    expect(ask(hosts("*.example.org"), "evil-example.org")).not.toBeNull();
    expect(ask(hosts("*.0.2.1"), "192.0.2.1")).not.toBeNull();
    expect(ask(hosts("example.org"), "evil.test", true)).toBeNull();
  });
});

describe("refuseAddresses", () => {
  const none = { addresses: new Set<string>(), links: [] };

  it("lets a name through whose addresses are all public", () => {
    expect(refuseAddresses(SITE, ["203.0.113.1", "2001:db8::1"], none)).toBeNull();
  });

  it("refuses a name with one bad address among good ones, and does not tell it", () => {
    const refusal = refuseAddresses(SITE, ["203.0.113.1", "10.1.2.3"], none);
    expect(refusal).toMatchObject({ code: "refused" });
    expect(refusal?.message).toMatch(
      /example\.org:443 was refused: it leads to a private address.*OPENAGENT_ALLOW_PRIVATE/,
    );
    expect(refusal?.message).not.toContain("10.1.2.3");
  });

  it("refuses an address of this machine, public as it may be", () => {
    const own = { addresses: new Set(["198.51.100.7"]), links: [] };
    expect(refuseAddresses(SITE, ["198.51.100.7"], own)?.message).toMatch(
      /an address of the machine that runs OpenAgent/,
    );
  });

  it("refuses a neighbour of this machine, and says how one is allowed by name and port", () => {
    const own = ownNetworks([{ address: "2a02:8071:1234:5678::10", cidr: "2a02:8071:1234:5678::10/64" }]);
    expect(refuseAddresses(SITE, ["203.0.113.1", "2a02:8071:1234:5678::1"], own)?.message).toMatch(
      /a neighbour in a network of the machine that runs OpenAgent.*host:port in OPENAGENT_ALLOW_PRIVATE\.$/,
    );
  });
});
