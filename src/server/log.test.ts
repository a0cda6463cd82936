import { describe, expect, it } from "vitest";
import { createLog } from "./log";

describe("the log", () => {
  it("hides secrets by their names down to the third level, and keeps what explains a failure", () => {
    const lines: string[] = [];
    const log = createLog({ level: "info", destination: { write: (line) => void lines.push(line) } });
    const secret = "canary-0123";
    log.info({
      authorization: secret,
      req: { headers: { authorization: secret, cookie: secret, "proxy-authorization": secret } },
      input: { code: secret, password: secret, key: secret },
      headers: { "set-cookie": [secret] },
      token: secret,
      err: Object.assign(new Error("refused"), { code: "ECONNREFUSED" }),
    });
    expect(lines.join()).not.toContain(secret);
    expect(lines.join()).toContain("ECONNREFUSED");
  });
});
