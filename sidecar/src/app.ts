import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { bearerGuard } from "./auth/bearer";
import { credentialRoutes } from "./credentials/routes";
import { SidecarError } from "./errors";
import { eventRoutes } from "./events/routes";
import { healthRoutes } from "./health/routes";
import type { Instance } from "./instance";
import { describeError, type Log } from "./log";
import type { Registration } from "./registration/registration";
import { registrationRoutes } from "./registration/routes";
import { requestLines, takeRequestId } from "./request-lines";
import { terminalRoutes } from "./terminals/routes";
import { abortRoutes, promptRoutes, requestRoutes, settingsRoutes } from "./turns/routes";

const MIB = 1024 * 1024;
/** Prompts carry attachments. */
const PROMPT_BYTES = 24 * MIB;
/** A sealed table of providers is up to 1 MiB of ciphertext and its frame. */
const SEALED_BYTES = 1.25 * MIB;
const OTHER_BYTES = 1 * MIB;

export interface AppDeps {
  registration: Registration;
  instance: Instance;
  log: Log;
}

/** The sidecar's HTTP interface (protocol.ts). Open: health and registration; the rest wants the instance's token. */
export function createApp({ registration, instance, log }: AppDeps) {
  const guard = bearerGuard(() => instance.bearer);
  return new Hono()
    .onError((error, c) => {
      const known = asSidecarError(error);
      if (known.code === "internal")
        log.error("request failed", { path: c.req.path, error: describeError(error) });
      return c.json(known.body(), known.status);
    })
    .notFound((c) => {
      const missing = new SidecarError(
        "not_found",
        "The sidecar has no such route; update server and sidecar together.",
      );
      return c.json(missing.body(), missing.status);
    })
    .use("*", takeRequestId)
    .use("/registration/*", limit(SEALED_BYTES))
    .route("/health", healthRoutes(instance))
    .route("/registration", registrationRoutes(registration))
    .use("*", guard)
    .use("*", requestLines(log))
    .use("/prompts", limit(PROMPT_BYTES))
    .use("/credentials", limit(SEALED_BYTES))
    .on(["POST"], ["/events/*", "/abort", "/requests/*", "/settings", "/terminals"], limit(OTHER_BYTES))
    .route("/credentials", credentialRoutes(registration, instance))
    .route("/events", eventRoutes(instance))
    .route("/prompts", promptRoutes(instance))
    .route("/abort", abortRoutes(instance))
    .route("/requests", requestRoutes(instance))
    .route("/settings", settingsRoutes(instance))
    .route("/terminals", terminalRoutes(instance));
}

/** For `hono/client` on the server's side. */
export type SidecarApp = ReturnType<typeof createApp>;

function limit(maxSize: number) {
  return bodyLimit({
    maxSize,
    onError: () => {
      throw new SidecarError(
        "bad_request",
        "The request is too large; make it smaller.",
        `more than ${maxSize} bytes`,
      );
    },
  });
}

function asSidecarError(error: Error): SidecarError {
  if (error instanceof SidecarError) return error;
  if (error instanceof HTTPException)
    return new SidecarError(
      "bad_request",
      "The request cannot be read; update server and sidecar together.",
      error.message,
    );
  return new SidecarError(
    "internal",
    "The sidecar failed; try again, and restart the session if it fails again.",
    describeError(error),
  );
}
