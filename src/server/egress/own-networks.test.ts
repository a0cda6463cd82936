import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { nearAs, ownNetworks } from "./own-networks";

/** What `os.networkInterfaces()` says of one address. */
const on = (cidr: string) => ({ address: cidr.split("/")[0] ?? "", cidr });

describe("nearAs", () => {
  it.each([
    ["an IPv6 network of a home", "2a02:8071:1234:5678::10/64", "2a02:8071:1234:5678::1"],
    ["the last address of a provider's /20", "130.149.7.10/20", "130.149.15.255"],
    ["the first address of a /16", "130.149.7.10/16", "130.149.0.0"],
    ["the other end of a /31", "130.149.7.10/31", "130.149.7.11"],
    ["the link of an IPv6 address by DHCP", "2a02:8071:1234:5678::10/128", "2a02:8071:1234:5678::1"],
    ["a short IPv6 prefix", "2a02:8071::10/48", "2a02:8071:0:ffff::1"],
    ["a neighbour by the translator's prefix", "130.149.7.10/24", "64:ff9b::8295:701"],
  ])("knows a neighbour in %s", (_what, cidr, address) => {
    expect(nearAs(address, ownNetworks([on(cidr)]))).toMatch(/^a neighbour/);
  });

  it.each([
    ["the network next to it", "2a02:8071:1234:5678::10/64", "2a02:8071:1234:5679::1"],
    ["the network next to its /20", "130.149.7.10/20", "130.149.16.0"],
    ["anything beside a /32", "130.149.7.10/32", "130.149.7.11"],
    ["anything beside loopback's /128", "::1/128", "2606:4700::1111"],
    ["anything by a tunnel's /0", "130.149.7.10/0", "1.1.1.1"],
    ["anything of a test network", "192.0.2.2/24", "192.0.2.3"],
    ["the same bits in the other family", "130.149.7.10/16", "8295:700::1"],
  ])("does not take for one %s", (_what, cidr, address) => {
    expect(nearAs(address, ownNetworks([on(cidr)]))).toBeNull();
  });

  it("knows this machine, by an interface without a netmask and through the translator's prefix too", () => {
    const own = ownNetworks([{ address: "130.149.7.10", cidr: null }]);
    expect(nearAs("130.149.7.10", own)).toMatch(/^an address of the machine/);
    expect(nearAs("64:ff9b::8295:70a", own)).toMatch(/^an address of the machine/);
    expect(nearAs("130.149.7.11", own)).toBeNull();
  });
});

describe("ownNetworks", () => {
  it("holds every address of this machine's interfaces that is not for documentation", () => {
    const { addresses } = ownNetworks();
    for (const { address } of Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])) {
      if (/^(192\.0\.2|198\.51\.100|203\.0\.113)\.|^2001:db8:|^3fff:/.test(address)) continue;
      expect(addresses).toContain(address.split("%")[0]);
    }
    expect(addresses).toContain("127.0.0.1");
  });
});
