/** What an installation holds of its machine at one moment. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { containersOf, type Product, volumesOf } from "../harness";

const run = promisify(execFile);
const KIB_A_MIB = 1024;

export const COUNTS = [
  "descriptors",
  "rssMib",
  "containers",
  "volumes",
  "runDirectories",
  "firewallRules",
  "loopDevices",
] as const;
export type Footprint = Record<(typeof COUNTS)[number], number>;

/** The last two are of the whole machine; as no other user the rules cannot be read, and count as none. */
export async function footprint(product: Product): Promise<Footprint> {
  const process = `/proc/${product.pid()}`;
  const rssKib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(join(process, "status"), "utf8"))?.[1];
  return {
    descriptors: readdirSync(join(process, "fd")).length,
    rssMib: Number(rssKib) / KIB_A_MIB,
    containers: (await containersOf(product.instance)).length,
    volumes: (await volumesOf(product.instance)).length,
    runDirectories: readdirSync(join(product.dataDir, "run")).length,
    firewallRules: await firewallRules(),
    loopDevices: readdirSync("/sys/block").filter(isLoopInUse).length,
  };
}

async function firewallRules(): Promise<number> {
  const { stdout } = await run("iptables-save").catch(() => ({ stdout: "" }));
  return stdout.split("\n").filter((line) => line.startsWith("-A")).length;
}

function isLoopInUse(name: string): boolean {
  return name.startsWith("loop") && readdirSync(join("/sys/block", name)).includes("loop");
}
