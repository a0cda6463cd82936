import { Hono } from "hono";
import { offerRequest, sealedMessage } from "../protocol";
import { valid } from "../validation";
import type { Registration } from "./registration";

/** Open to whoever reaches the socket: the offer proves the token, the answer must be sealed with it. */
export function registrationRoutes(registration: Registration) {
  return new Hono()
    .post("/offer", valid("json", offerRequest), (c) => c.json(registration.offer(c.req.valid("json").nonce)))
    .post("/complete", valid("json", sealedMessage), async (c) => {
      await registration.complete(c.req.valid("json"));
      return c.json({ registered: true as const });
    });
}
