/** The one error of the credential proxy, answered in the shape that OpenAI's API uses, which model clients understand. */

export type ProxyErrorCode =
  | "bad_path"
  | "bad_host"
  | "method_not_allowed"
  | "body_too_large"
  | "unknown_provider"
  | "bad_provider"
  | "redirect_refused"
  | "encoded_answer"
  | "partial_answer"
  | "egress_refused"
  | "upstream_unreachable"
  | "not_ready"
  | "internal";

const STATUS: Record<ProxyErrorCode, number> = {
  bad_path: 400,
  bad_host: 421,
  method_not_allowed: 405,
  body_too_large: 413,
  unknown_provider: 404,
  bad_provider: 502,
  redirect_refused: 502,
  encoded_answer: 502,
  partial_answer: 502,
  egress_refused: 502,
  upstream_unreachable: 502,
  not_ready: 503,
  internal: 500,
};

/** `message`: a sentence with the next step, shown to people by the agent. `detail`: technical, never a key. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  constructor(
    readonly code: ProxyErrorCode,
    message: string,
    readonly detail?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  toResponse(): Response {
    const { code, message, detail } = this;
    return Response.json(
      {
        error: {
          message,
          type: "openagent_proxy_error",
          param: null,
          code,
          ...(detail === undefined ? {} : { detail }),
        },
      },
      { status: STATUS[code] },
    );
  }
}
