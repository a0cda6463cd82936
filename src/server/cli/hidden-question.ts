import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** Asks at the terminal; what is typed is not shown. @throws Error when the person breaks off */
export function askHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const line = createInterface({ input: process.stdin, output: silent, terminal: true });
  return new Promise<string>((resolve, reject) => {
    line.once("close", () => reject(new Error("Nothing was typed, so nothing was done.")));
    line.once("SIGINT", () => line.close());
    line.question("", resolve);
  }).finally(() => {
    line.close();
    process.stderr.write("\n");
  });
}
