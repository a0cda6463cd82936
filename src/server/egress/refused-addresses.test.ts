import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { canonicalHost } from "./host-name";
import { ownAddresses, refusedAs } from "./refused-addresses";

describe("refusedAs", () => {
  it.each([
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["10.0.0.1", "private"],
    ["10.255.255.255", "private"],
    ["100.64.0.1", "carrier"],
    ["100.127.255.255", "carrier"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["169.254.0.1", "link-local"],
    ["169.254.169.254", "link-local"],
    ["172.16.0.1", "private"],
    ["172.31.255.255", "private"],
    ["192.0.0.8", "reserved"],
    ["192.88.99.1", "reserved"],
    ["192.168.0.1", "private"],
    ["192.168.255.255", "private"],
    ["198.18.0.1", "reserved"],
    ["198.19.255.255", "reserved"],
    ["224.0.0.1", "multicast"],
    ["239.255.255.255", "multicast"],
    ["240.0.0.1", "reserved"],
    ["255.255.255.255", "reserved"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["0:0:0:0:0:0:0:1", "loopback"],
    ["::127.0.0.1", "loopback"],
    ["::7f00:1", "reserved"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["0:0:0:0:0:ffff:0a00:0001", "private"],
    ["::ffff:10.0.0.1", "private"],
    ["::ffff:169.254.169.254", "link-local"],
    ["::ffff:0.0.0.0", "unspecified"],
    ["::ffff:0:127.0.0.1", "reserved"],
    ["64:ff9b::127.0.0.1", "loopback"],
    ["64:ff9b::a00:1", "private"],
    ["64:ff9b::192.168.1.1", "private"],
    ["64:ff9b::169.254.169.254", "link-local"],
    ["64:ff9b:1::1", "private"],
    ["100::1", "reserved"],
    ["2001::1", "tunnel"],
    ["2001:0:7f00:1::", "tunnel"],
    ["2002:7f00:1::", "tunnel"],
    ["2002:a00:1::1", "tunnel"],
    ["2002:c0a8:101::", "tunnel"],
    ["fc00::1", "private"],
    ["fd12:3456:789a::1", "private"],
    ["fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"],
    ["fe80::1", "link-local"],
    ["febf::1", "link-local"],
    ["fe80::1%eth0", "own networks"],
    ["fec0::1", "private"],
    ["ff02::1", "multicast"],
    ["ff0e::1", "multicast"],
    ["", "own networks"],
    ["localhost", "own networks"],
  ])("%s is refused as %s", (address, kind) => {
    expect(refusedAs(address)).toContain(kind);
  });

  it.each([
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    // Documentation ranges are for test networks.
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "2001:db8::1",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2001:4860:4860::8888",
    "2003::1",
  ])("%s is let through", (address) => {
    expect(refusedAs(address)).toBeNull();
  });
});

describe("canonicalHost", () => {
  it.each([
    ["Example.ORG", "example.org"],
    ["example.org.", "example.org"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["_acme.example.org", "_acme.example.org"],
    ["1and1.example", "1and1.example"],
    ["0x7f.example", "0x7f.example"],
    ["127.0.0.1.", "127.0.0.1"],
    ["[::1]", "::1"],
    ["[::FFFF:127.0.0.1]", "127.0.0.1"],
    ["[::ffff:7f00:1]", "127.0.0.1"],
    ["[2001:DB8:0:0:0:0:0:1]", "2001:db8::1"],
  ])("%s is %s", (text, host) => {
    expect(canonicalHost(text)).toBe(host);
  });

  it.each([
    "",
    ".",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0.0.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "017700000001",
    "127.0.0.01",
    "127.0.0.0x1",
    "1.2.3.4.5",
    "256.256.256.256",
    "999999999999",
    "127.0.0.1..",
    "example..org",
    ".example.org",
    "localhost:80",
    "user@127.0.0.1",
    "127.0.0.1%00.example.org",
    "127.0.0.1 .example.org",
    "exa%6dple.org",
    "①②⑦.0.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "bücher.example",
    "[::1",
    "::1",
    "[fe80::1%eth0]",
    "[fe80::1%25eth0]",
    "[127.0.0.1]",
    "[::ffff:127.1]",
    "[]",
    "-x.example",
    "x-.example",
    "*",
    "*.example.org",
    `${"a".repeat(64)}.example`,
    `${"a.".repeat(127)}example`,
    "a\u0000b",
    "example.org\r\nHost: x",
  ])("%j is no host", (text) => {
    expect(canonicalHost(text)).toBeNull();
  });
});

describe("ownAddresses", () => {
  it("holds every address of this machine's interfaces that is not for documentation", () => {
    const own = ownAddresses();
    for (const { address } of Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])) {
      if (/^(192\.0\.2|198\.51\.100|203\.0\.113)\.|^2001:db8:|^3fff:/.test(address)) continue;
      expect(own).toContain(address.split("%")[0]);
    }
    expect(own).toContain("127.0.0.1");
  });
});
