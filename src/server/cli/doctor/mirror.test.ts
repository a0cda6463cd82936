import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { openTestAccounts } from "../../auth/test-accounts";
import { apiTokens } from "../../db/schema";
import { askServer, ServerError } from "../ask-server";
import { withOwnToken } from "../own-token";
import { lineOf } from "./finding";
import { examineMirror } from "./mirror";

const same = { sessions: 2, differing: [], parked: [] };

describe("the doctor, of the mirror", () => {
  it("is content when it is the log's", async () => {
    expect(lineOf(await examineMirror(async () => same))).toMatch(
      /^ok {4}mirror: the same as the log by hash/,
    );
  });

  it.each([
    [
      "differs",
      { ...same, differing: [{ sessionId: "ses_1", why: "ends at event 5 there, at 6 in the log" }] },
    ],
    ["refuses something", { ...same, parked: [{ topic: "events", key: "ses_1" }] }],
  ])("says FAIL and the next step when it %s", async (_what, answer) => {
    expect(lineOf(await examineMirror(async () => answer))).toMatch(
      /^FAIL {2}mirror: .*ses_1.*npm run admin -- mirror rebuild$/,
    );
  });

  it("notes that it did not look without a server, or with another version's", async () => {
    expect(lineOf(await examineMirror(null))).toMatch(/^note .*npm run up/);
    expect(lineOf(await examineMirror(async () => ({ hello: 1 })))).toMatch(/^note .*another version/);
  });

  it("notes that it did not look where there is no owner to ask as", async () => {
    expect(await examineMirror(async () => null)).toMatchObject({
      problem: null,
      isNote: true,
      fact: expect.stringContaining("no owner") as string,
    });
  });

  it("says FAIL when the server cannot say", async () => {
    const away = () => Promise.reject(new ServerError("It does not answer. Look at: npm run logs"));
    expect(lineOf(await examineMirror(away))).toMatch(/^FAIL .*not compared.*npm run logs/);
  });
});

describe("the command line's way to the server", () => {
  it("is a token of the owner for as long as it takes, whatever comes of it; none without an owner", async () => {
    const t = openTestAccounts();
    try {
      const tokens = () => t.db.select().from(apiTokens).all();
      const deps = { db: t.db, accounts: t };
      expect(await withOwnToken(deps, async () => 1)).toBeNull();
      const { userId } = await t.people.create({
        email: "o@example.test",
        name: "o",
        role: "owner",
        password: "plum-tree-harbour",
      });
      const asked = await withOwnToken(deps, (token) => t.authenticate({ authorization: `Bearer ${token}` }));
      expect(asked).toMatchObject({ userId, via: { scopes: ["settings"] } });
      await expect(withOwnToken(deps, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
      expect(tokens()).toEqual([]);
    } finally {
      t.close();
    }
  });

  it("goes by the name that people type, and hands on what the server says", async () => {
    const asked: unknown[] = [];
    const answers = ['{"result":{"data":{"sessions":1}}}', '{"error":{"message":"Not you."}}', "<html>"];
    const server = createServer((req, res) => {
      asked.push([req.method, req.url, req.headers.host, req.headers.authorization]);
      res.end(answers.shift());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    // Listening on a port, so it is not the name of a socket.
    const localUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const call = () =>
      askServer(
        { url: "https://agents.example.org", localUrl },
        { path: "mirror.rebuild", method: "POST", token: "oa_1", timeoutMs: 5_000 },
      );
    expect(await call()).toEqual({ sessions: 1 });
    await expect(call()).rejects.toThrow("Not you.");
    await expect(call()).rejects.toThrow("none of OpenAgent");
    await new Promise((resolve) => server.close(resolve));
    await expect(call()).rejects.toThrow("npm run logs");
    expect(asked[0]).toEqual(["POST", "/api/trpc/mirror.rebuild", "agents.example.org", "Bearer oa_1"]);
  });
});
