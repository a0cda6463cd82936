import { Hono } from "hono";
import { sealedMessage } from "../protocol";
import type { Instance } from "../instance";
import type { Registration } from "../registration/registration";
import { valid } from "../validation";

/** The bearer token alone is not enough: the table is sealed to this process, so nobody on the way reads or makes one. */
export function credentialRoutes(registration: Registration, instance: Instance) {
  return new Hono().post("/", valid("json", sealedMessage), async (c) => {
    const payload = await registration.openCredentials(c.req.valid("json"));
    return c.json({ applied: await instance.changeCredentials(payload) });
  });
}
