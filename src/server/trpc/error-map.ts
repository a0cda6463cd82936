import { TRPCError, type TRPCDefaultErrorShape, type TRPC_ERROR_CODE_KEY } from "@trpc/server";
import { getHTTPStatusCodeFromError } from "@trpc/server/http";
import { TRPC_ERROR_CODES_BY_KEY } from "@trpc/server/rpc";
import { z } from "zod";
import { DriverError, type DriverErrorCode } from "../../drivers/driver";
import { asDiskFull } from "../db/disk-full";
import { AppError, type Reason } from "../errors";
import type { TrpcContext } from "./context";

/** tRPC's shape and what is ours: `reason` for programs, `detail` for whoever operates the server. */
export interface ErrorShape extends TRPCDefaultErrorShape {
  data: TRPCDefaultErrorShape["data"] & { reason: Reason; detail: string | null; requestId: string | null };
}

interface Mapped {
  code: TRPC_ERROR_CODE_KEY;
  reason: Reason;
  message: string;
  detail: string | null;
}

/** Whatever a procedure threw, as an error that has the right code on the wire. Used once, by the builders. */
export function toTrpcError(error: TRPCError): TRPCError {
  const cause = asDiskFull(error.cause) ?? error.cause;
  if (cause instanceof AppError) return new TRPCError({ code: cause.code, message: cause.message, cause });
  if (cause instanceof DriverError) {
    return new TRPCError({ code: DRIVER[cause.code].code, message: cause.message, cause });
  }
  return error;
}

/** tRPC's `errorFormatter`: the one place that decides what leaves the process about a failure. */
export function formatError(opts: {
  shape: TRPCDefaultErrorShape;
  error: TRPCError;
  ctx: TrpcContext | undefined;
}): ErrorShape {
  const { shape, ctx } = opts;
  const requestId = ctx?.requestId ?? null;
  const mapped = map(opts.error, requestId);
  return {
    code: TRPC_ERROR_CODES_BY_KEY[mapped.code],
    message: mapped.message,
    data: {
      ...shape.data,
      code: mapped.code,
      httpStatus: getHTTPStatusCodeFromError(new TRPCError({ code: mapped.code })),
      reason: mapped.reason,
      detail: mapped.detail,
      requestId,
    },
  };
}

/** @returns whether the failure is one that nobody foresaw, so that its stack belongs in the log */
export function isUnforeseen(error: TRPCError): boolean {
  return map(error, null).reason === "internal";
}

function map(error: TRPCError, requestId: string | null): Mapped {
  const cause = asDiskFull(error.cause) ?? error.cause;
  if (cause instanceof AppError) {
    return { code: cause.code, reason: cause.reason, message: cause.message, detail: cause.detail };
  }
  if (cause instanceof DriverError) {
    return { ...DRIVER[cause.code], message: cause.message, detail: cause.detail };
  }
  // tRPC gives a body that does not parse the code of a body that does not fit.
  if (cause instanceof SyntaxError && error.code === "BAD_REQUEST")
    return { code: "BAD_REQUEST", ...bodyNotJson, detail: error.message };
  if (cause instanceof z.ZodError && error.code === "BAD_REQUEST") {
    return {
      code: "BAD_REQUEST",
      reason: "bad_input",
      message: sentenceOf(cause),
      detail: JSON.stringify(cause.issues.map(({ path, code, message }) => ({ path, code, message }))),
    };
  }
  const ours = TRPC_OWN[error.code];
  if (ours !== undefined) {
    return { code: error.code, reason: ours.reason, message: ours.message, detail: error.message };
  }
  const where = requestId === null ? "" : ` under request ${requestId}`;
  return {
    code: "INTERNAL_SERVER_ERROR",
    reason: "internal",
    message: `Something went wrong here: the server's log has it${where}.`,
    detail: null,
  };
}

/** The first complaint, with the field's name. */
function sentenceOf(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "The input has the wrong form. Compare it with the examples.";
  const field = issue.path.length === 0 ? "input" : issue.path.map(String).join(".");
  const more = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : "";
  const complaint = `${complaintOf(issue).replace(/\.$/, "")}${more}`;
  return `The field "${field}" is not right: ${complaint}. Correct it and try again.`;
}

/** zod's own words for a missing field are of types; ours say what is the matter. */
function complaintOf(issue: z.core.$ZodIssue): string {
  return issue.code === "invalid_type" && issue.message.endsWith("received undefined")
    ? "it is missing"
    : issue.message;
}

const DRIVER: Record<DriverErrorCode, { code: TRPC_ERROR_CODE_KEY; reason: Reason }> = {
  engine_unreachable: { code: "SERVICE_UNAVAILABLE", reason: "engine_unreachable" },
  engine_permission: { code: "SERVICE_UNAVAILABLE", reason: "engine_permission" },
  image_missing: { code: "PRECONDITION_FAILED", reason: "image_missing" },
  out_of_disk: { code: "SERVICE_UNAVAILABLE", reason: "out_of_disk" },
  name_taken: { code: "CONFLICT", reason: "engine_error" },
  instance_gone: { code: "CONFLICT", reason: "session_stopped" },
  engine_error: { code: "BAD_GATEWAY", reason: "engine_error" },
};

const bodyNotJson = {
  reason: "bad_input",
  message: "The body is not valid JSON. Send the input as a JSON document.",
} as const;

/** What tRPC itself throws, before a procedure runs. */
const TRPC_OWN: Partial<Record<TRPC_ERROR_CODE_KEY, { reason: Reason; message: string }>> = {
  PARSE_ERROR: bodyNotJson,
  BAD_REQUEST: {
    reason: "bad_input",
    message: "The request has the wrong form. Compare it with the examples.",
  },
  NOT_FOUND: { reason: "not_found", message: "There is no such procedure. Check its name." },
  METHOD_NOT_SUPPORTED: {
    reason: "bad_input",
    message: "Queries are GET and mutations are POST. Use the other one.",
  },
  PAYLOAD_TOO_LARGE: { reason: "too_large", message: "The request is too large. Send less at once." },
  UNSUPPORTED_MEDIA_TYPE: { reason: "bad_input", message: "Send the input as application/json." },
  CLIENT_CLOSED_REQUEST: { reason: "bad_input", message: "The caller hung up before the answer was ready." },
};
