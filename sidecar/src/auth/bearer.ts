import { createHash, timingSafeEqual } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { SidecarError } from "../errors";

/** True when the header carries exactly this token; takes the same time whatever differs. Never true before there is a token. */
export function bearerMatches(header: string | undefined, token: string | null): boolean {
  const given = /^Bearer ([\x21-\x7e]{1,256})$/.exec(header ?? "")?.[1] ?? "";
  const digest = (value: string) => createHash("sha256").update(value).digest();
  const equal = timingSafeEqual(digest(given), digest(token ?? ""));
  return equal && token !== null && given.length > 0;
}

/** 401 for everyone without the instance's token, and for everyone before registration. */
export function bearerGuard(token: () => string | null) {
  return createMiddleware(async (c, next) => {
    if (!bearerMatches(c.req.header("authorization"), token())) {
      throw new SidecarError(
        "unauthorized",
        "The instance's token is missing or wrong; register this instance again.",
      );
    }
    await next();
  });
}
