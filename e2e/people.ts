import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Product, ROOT } from "./harness";

export interface Person {
  name: string;
  email: string;
  password: string;
}

/** A member, added as the operator of the installation adds people. */
export async function addPerson(product: Product, person: Person): Promise<void> {
  const args = ["user", "create", "--email", person.email, "--name", person.name, "--role", "member"];
  const running = promisify(execFile)(
    process.execPath,
    ["--import", "tsx", "src/server/cli/admin.ts", ...args, "--password-stdin"],
    {
      cwd: ROOT,
      env: { ...process.env, PORT: new URL(product.url).port, OPENAGENT_DATA_DIR: product.dataDir },
    },
  );
  running.child.stdin?.end(`${person.password}\n`);
  await running;
}
