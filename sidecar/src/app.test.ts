import { afterEach, describe, expect, it } from "vitest";
import { healthResponse, offerResponse, sidecarError, terminalList } from "./protocol";
import { eventually, follow, makeTestSidecar, SETTINGS, type TestSidecar } from "./instance.testing";

let sidecar: TestSidecar;
afterEach(() => sidecar.close());

const GUARDED: [method: string, path: string][] = [
  ["POST", "/credentials"],
  ["GET", "/events?epoch=1&n=0"],
  ["POST", "/events/ack"],
  ["POST", "/prompts"],
  ["POST", "/abort"],
  ["POST", "/requests/req_per_1/reply"],
  ["POST", "/settings"],
  ["GET", "/terminals"],
  ["POST", "/terminals"],
  ["DELETE", "/terminals/trm_1"],
];

describe("who may call", () => {
  it("has every route but health and registration in the list of guarded ones", async () => {
    sidecar = await makeTestSidecar();
    const open = new Set(["/health", "/registration/offer", "/registration/complete"]);
    const routes = sidecar.app.routes
      .filter((route) => route.method !== "ALL" && !open.has(route.path))
      .map((route) => `${route.method} ${route.path}`);
    const listed = GUARDED.map(
      ([method, path]) =>
        `${method} ${path.replace(/\?.*/, "").replace("req_per_1", ":requestId").replace("trm_1", ":id")}`,
    );
    const limits = /^POST \/(events\/\*|requests\/\*)$/;
    expect([...new Set(routes)].filter((route) => !limits.test(route)).sort()).toEqual(listed.sort());
  });

  it.each(GUARDED)(
    "answers 401 to %s %s before registration, without and with a wrong token",
    async (method, path) => {
      sidecar = await makeTestSidecar();
      const ask = async (authorization?: string) => {
        const response = await sidecar.app.request(path, {
          method,
          ...(authorization ? { headers: { authorization } } : {}),
        });
        expect(sidecarError.parse(await response.json()).code).toBe("unauthorized");
        return response.status;
      };
      for (const header of [undefined, "Bearer ", "Bearer null", `Bearer ${sidecar.bearer}`])
        expect(await ask(header)).toBe(401);
      await sidecar.register();
      const almost = `${sidecar.bearer.slice(0, -1)}${sidecar.bearer.endsWith("A") ? "B" : "A"}`;
      const wrong = [
        undefined,
        "Bearer ",
        `Bearer ${almost}`,
        `Bearer ${sidecar.bearer}x`,
        `bearer ${sidecar.bearer}`,
        `Basic ${sidecar.bearer}`,
      ];
      for (const header of wrong) expect(await ask(header)).toBe(401);
    },
  );

  it("tells the state to everyone, and the reason to the token alone", async () => {
    sidecar = await makeTestSidecar();
    const health = async (headers: Record<string, string>) =>
      healthResponse.parse(await (await sidecar.app.request("/health", { headers })).json());
    expect(await health({})).toMatchObject({
      contract: 1,
      version: "test",
      registered: false,
      agent: "off",
      reason: null,
    });
    await sidecar.register();
    const token = { authorization: `Bearer ${sidecar.bearer}` };
    const failed = await eventually("the failure of an agent that cannot start", async () => {
      const state = await health(token);
      return state.reason ? state : null;
    });
    expect(failed.reason).toMatchObject({
      code: "agent_failed",
      detail: expect.stringContaining("before it listened") as string,
    });
    expect(await health({})).toMatchObject({ registered: true, reason: null, turn: null });
  });
});

describe("registration over HTTP", () => {
  it("offers, completes once, and answers 409 then", async () => {
    sidecar = await makeTestSidecar();
    const post = (path: string, body: unknown) =>
      sidecar.app.request(path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    expect(
      offerResponse.parse(await (await post("/registration/offer", { nonce: "n".repeat(22) })).json())
        .contract,
    ).toBe(1);
    expect((await post("/registration/complete", { enc: "AAAA", ciphertext: "AAAA" })).status).toBe(400);
    expect((await sidecar.register()).status).toBe(200);
    for (const path of ["/registration/offer", "/registration/complete"]) {
      const again = await post(
        path,
        path.endsWith("offer") ? { nonce: "n".repeat(22) } : { enc: "AAAA", ciphertext: "AAAA" },
      );
      expect([again.status, sidecarError.parse(await again.json()).code]).toEqual([
        409,
        "already_registered",
      ]);
    }
  });

  it("refuses an epoch that the spool has, and takes a newer one", async () => {
    const first = await makeTestSidecar();
    await first.register({ epoch: 3 });
    await first.stop();
    sidecar = await makeTestSidecar({ dir: first.dir });
    expect((await sidecar.register({ epoch: 3 })).status).toBe(400);
    expect((await sidecar.register({ epoch: 4 })).status).toBe(200);
  });
});

describe("what a registered instance answers", () => {
  it("names what is wrong with a request, without its values", async () => {
    sidecar = await makeTestSidecar();
    await sidecar.register();
    const response = await sidecar.call("POST", "/prompts", {
      promptId: "prm_1",
      kind: "prompt",
      text: "",
      settings: { ...SETTINGS, permissionMode: "hunter2" },
    });
    expect(response.status).toBe(400);
    const body = sidecarError.parse(await response.json());
    expect(body).toMatchObject({
      code: "bad_request",
      detail: expect.stringContaining("settings.permissionMode") as string,
    });
    expect(JSON.stringify(body)).not.toContain("hunter2");
  });

  it("refuses bodies that are no JSON or too large", async () => {
    sidecar = await makeTestSidecar();
    await sidecar.register();
    const headers = { authorization: `Bearer ${sidecar.bearer}`, "content-type": "application/json" };
    const send = async (path: string, body: string) =>
      (await sidecar.app.request(path, { method: "POST", headers, body })).status;
    expect(await send("/prompts", "{")).toBe(400);
    expect(await send("/settings", `"${"x".repeat(1024 * 1024)}"`)).toBe(400);
    expect(await send("/prompts", `"${"x".repeat(24 * 1024 * 1024)}"`)).toBe(400);
  });

  it("does not take prompts before the agent is ready, and aborts nothing", async () => {
    sidecar = await makeTestSidecar();
    await sidecar.register();
    const prompt = await sidecar.call("POST", "/prompts", {
      promptId: "prm_1",
      kind: "prompt",
      text: "hi",
      settings: SETTINGS,
    });
    expect([prompt.status, sidecarError.parse(await prompt.json()).code]).toEqual([503, "not_ready"]);
    expect(await (await sidecar.call("POST", "/abort", {})).json()).toEqual({
      aborted: false,
      known: false,
    });
    expect(await (await sidecar.call("POST", "/requests/req_per_1/reply", { reply: "once" })).json()).toEqual(
      { delivered: false, gone: true },
    );
  });

  it("takes sealed credentials and settings, and refuses replayed ones", async () => {
    sidecar = await makeTestSidecar();
    await sidecar.register();
    expect(sidecar.instance.providers).toHaveLength(1);
    const message = await sidecar.seal("credentials", { providers: [] });
    expect(await (await sidecar.call("POST", "/credentials", message)).json()).toEqual({ applied: "now" });
    expect(sidecar.instance.providers).toEqual([]);
    expect((await sidecar.call("POST", "/credentials", message)).status).toBe(400);
    expect(
      await (await sidecar.call("POST", "/settings", { ...SETTINGS, permissionMode: "auto" })).json(),
    ).toEqual({ applied: "now" });
  });

  it("refuses event positions that it has not reached, and unknown routes", async () => {
    sidecar = await makeTestSidecar();
    await sidecar.register();
    expect((await sidecar.call("GET", "/events?epoch=9&n=0")).status).toBe(400);
    expect((await sidecar.call("GET", "/events?epoch=x&n=0")).status).toBe(400);
    expect((await sidecar.call("POST", "/events/ack", { epoch: 1, n: 5 })).status).toBe(400);
    expect((await sidecar.call("POST", "/events/ack", { epoch: 1, n: 0 })).status).toBe(200);
    const missing = await sidecar.call("GET", "/nothing");
    expect([missing.status, sidecarError.parse(await missing.json()).code]).toEqual([404, "not_found"]);
  });

  it("closes what an older epoch left open", async () => {
    const first = await makeTestSidecar();
    await first.register();
    first.instance.spool.append([
      { type: "turn.started", data: { turnId: "trn_1", promptId: "prm_1" } },
      { type: "message.started", data: { messageId: "m", role: "assistant" } },
    ]);
    await first.instance.spool.close();
    sidecar = await makeTestSidecar({ dir: first.dir });
    await sidecar.register({ epoch: 2, held: { epoch: 1, n: 1 } });
    const reader = follow(sidecar, { epoch: 1, n: 1 });
    await eventually("the end of the turn", () => reader.events.some((event) => event.type === "turn.ended"));
    expect(reader.events.map((event) => [event.epoch, event.type])).toEqual([
      [1, "message.started"],
      [2, "message.ended"],
      [2, "turn.ended"],
    ]);
    expect(reader.events.at(-1)?.data).toMatchObject({
      turnId: "trn_1",
      promptId: "prm_1",
      outcome: "interrupted",
    });
    // The same prompt again gives the turn that was.
    const again = await sidecar.call("POST", "/prompts", {
      promptId: "prm_1",
      kind: "prompt",
      text: "hi",
      settings: SETTINGS,
    });
    expect(await again.json()).toEqual({ turnId: "trn_1" });
    await reader.close();
    await first.stop();
  });

  it("opens, lists and closes terminals", async () => {
    sidecar = await makeTestSidecar();
    await sidecar.register();
    expect(
      (await sidecar.call("POST", "/terminals", { terminalId: "trm_1", cols: 80, rows: 24 })).status,
    ).toBe(200);
    expect(
      (await sidecar.call("POST", "/terminals", { terminalId: "trm_2", cols: 1, rows: 24 })).status,
    ).toBe(400);
    const list = terminalList.parse(await (await sidecar.call("GET", "/terminals")).json());
    expect(list.terminals.map((terminal) => terminal.terminalId)).toEqual(["trm_1"]);
    expect((await sidecar.call("DELETE", "/terminals/trm_1")).status).toBe(200);
    expect((await sidecar.call("DELETE", "/terminals/trm_1")).status).toBe(404);
  });
});
