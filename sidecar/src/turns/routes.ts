import { Hono } from "hono";
import { z } from "zod";
import { abortRequest, agentSettings, promptRequest, requestReply } from "../protocol";
import type { Instance } from "../instance";
import { valid } from "../validation";

export function promptRoutes(instance: Instance) {
  return new Hono().post("/", valid("json", promptRequest), async (c) =>
    c.json(await instance.turns.submit(c.req.valid("json"))),
  );
}

export function abortRoutes(instance: Instance) {
  return new Hono().post("/", valid("json", abortRequest), async (c) =>
    c.json(await instance.turns.abort(c.req.valid("json").promptId)),
  );
}

const requestParam = z.object({ requestId: z.string().min(1).max(128) });

export function requestRoutes(instance: Instance) {
  return new Hono().post(
    "/:requestId/reply",
    valid("param", requestParam),
    valid("json", requestReply),
    async (c) => c.json(await instance.turns.reply(c.req.valid("param").requestId, c.req.valid("json"))),
  );
}

export function settingsRoutes(instance: Instance) {
  return new Hono().post("/", valid("json", agentSettings), async (c) =>
    c.json({ applied: await instance.turns.configure({ settings: c.req.valid("json") }) }),
  );
}
