import { Hono } from "hono";
import { z } from "zod";
import { terminalCreateRequest } from "../protocol";
import { SidecarError } from "../errors";
import type { Instance } from "../instance";
import { TerminalError } from "../pty/terminals";
import { valid } from "../validation";

const terminalParam = z.object({ id: z.string().min(1).max(128) });

export function terminalRoutes(instance: Instance) {
  return new Hono()
    .get("/", (c) => c.json({ terminals: instance.terminals.list() }))
    .post("/", valid("json", terminalCreateRequest), (c) => c.json(create(instance, c.req.valid("json"))))
    .delete("/:id", valid("param", terminalParam), (c) => {
      if (!instance.terminals.close(c.req.valid("param").id))
        throw new SidecarError("not_found", "This terminal is closed already.");
      return c.json({ closed: true as const });
    });
}

function create(instance: Instance, request: z.infer<typeof terminalCreateRequest>) {
  try {
    return instance.terminals.create(request);
  } catch (cause) {
    if (!(cause instanceof TerminalError)) throw cause;
    const code = cause.code === "too_many_terminals" ? "busy" : "agent_failed";
    throw new SidecarError(code, cause.message, cause.detail, { cause });
  }
}
