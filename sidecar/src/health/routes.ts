import { Hono } from "hono";
import { bearerMatches } from "../auth/bearer";
import type { Instance } from "../instance";

/** Open, so that the server can see a container come up; reason and turn are told to the instance's token alone. */
export function healthRoutes(instance: Instance) {
  return new Hono().get("/", (c) =>
    c.json(instance.health(bearerMatches(c.req.header("authorization"), instance.bearer))),
  );
}
