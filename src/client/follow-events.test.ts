import { TRPCClientError } from "@trpc/client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createClient } from "./client";
import { followEvents } from "./follow-events";
import { serve, SessionLog, TOKEN, type TestServer } from "./testing";

describe("followEvents", () => {
  let log: SessionLog;
  let server: TestServer;
  beforeEach(async () => {
    log = new SessionLog();
    server = await serve(log);
  });
  afterEach(() => server.close());
  const follow = (over: { afterSeq?: number; token?: string; signal?: AbortSignal } = {}) => {
    const { token = TOKEN, ...rest } = over;
    return followEvents(createClient({ url: server.url, token }), { sessionId: "ses_1", ...rest });
  };

  it("replays what was after a number, then follows what comes", async () => {
    log.append(5);
    const seqs: number[] = [];
    for await (const event of follow({ afterSeq: 2 })) {
      seqs.push(event.seq);
      if (event.seq === 5) log.append(2);
      if (event.seq === 7) break;
    }
    expect(seqs).toEqual([3, 4, 5, 6, 7]);
    expect(log.asked).toEqual([2]);
  });

  it("gives each event once over cut connections", async () => {
    log.append(10);
    const seqs: number[] = [];
    for await (const event of follow()) {
      seqs.push(event.seq);
      if (event.seq === 10 || event.seq === 20) {
        server.cut();
        log.append(10);
      }
      if (event.seq === 30) break;
    }
    expect(seqs).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(log.asked.length).toBeGreaterThanOrEqual(3);
  });

  it("gives each event once over a restart of the server", async () => {
    log.append(3);
    const port = Number(new URL(server.url).port);
    const seqs: number[] = [];
    for await (const event of follow()) {
      seqs.push(event.seq);
      if (event.seq === 3) {
        await server.close();
        log.append(3);
        server = await serve(log, port);
      }
      if (event.seq === 6) break;
    }
    expect(seqs).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("ends without an error when the session is removed", async () => {
    log.append(1);
    const seqs: number[] = [];
    for await (const event of follow()) {
      seqs.push(event.seq);
      log.remove();
    }
    expect(seqs).toEqual([1]);
  });

  it("ends without an error at the signal", async () => {
    log.append(1);
    const controller = new AbortController();
    for await (const event of follow({ signal: controller.signal })) {
      expect(event.seq).toBe(1);
      controller.abort();
    }
    for await (const event of follow({ signal: controller.signal })) expect(event).toBeNull();
  });

  it("says why when the server refuses", async () => {
    const refusal = async (over: { token?: string }) => {
      try {
        for await (const event of follow(over)) expect(event).toBeNull();
        return null;
      } catch (error) {
        return error;
      }
    };
    const noToken = await refusal({ token: "oa_forged" });
    expect(noToken).toBeInstanceOf(TRPCClientError);
    expect(noToken).toMatchObject({ message: "Who are you?" });
    log.remove();
    expect(await refusal({})).toMatchObject({ message: "There is no such session." });
  });
});
