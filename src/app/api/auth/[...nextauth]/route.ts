import NextAuth from "next-auth";
import { NextResponse, type NextRequest } from "next/server";
import { z } from "zod";
import { getServer, type ServerHandle } from "../../../../server/accessor";
import { createAuthOptions } from "../../../../server/auth/next-auth";

/** Read by its form: the server's AppError is another class in this module graph. */
const refusal = z.object({
  reason: z.string(),
  message: z.string(),
  retryAfterSeconds: z.number().nullable(),
});

async function handle(
  req: NextRequest,
  context: { params: Promise<{ nextauth: string[] }> },
): Promise<Response> {
  const { services, authSettings, origin } = getServer();
  const [action, provider] = (await context.params).nextauth;
  if (authSettings.identityProviders.some(({ id }) => id === provider)) {
    const early = checkElsewhere(req, { action, services, origin });
    if (early !== null) return early;
  }
  const refused: unknown[] = [];
  const options = createAuthOptions({
    logins: services.logins,
    identities: services.identities,
    userAgent: req.headers.get("user-agent") ?? "",
    settings: authSettings,
    onRefused: (error) => refused.push(error),
  });
  const handler = NextAuth(options) as (request: NextRequest, ctx: typeof context) => Promise<Response>;
  const response = await handler(req, context);
  return refused.length === 0 ? response : answerRefusal(refused[0], response);
}

/** What next-auth would do before it looks at who asks: ask the provider, and write what stands in the address to the log. */
function checkElsewhere(
  req: NextRequest,
  { action, services, origin }: Pick<ServerHandle, "services" | "origin"> & { action: string | undefined },
): Response | null {
  const failed = NextResponse.redirect(new URL("/sign-in?error=OAuthCallback", origin));
  try {
    services.identities.admit(req.headers.get("x-openagent-ip") ?? "");
  } catch (error) {
    return answerRefusal(error, failed);
  }
  const told = req.nextUrl.searchParams.get("error") ?? "";
  return action !== "callback" || /^[\w.-]{0,60}$/.test(told) ? null : failed;
}

/** Reasons that are not about who signs in. */
const TOLD: Partial<Record<string, { code: string; httpStatus: number }>> = {
  throttled: { code: "TOO_MANY_REQUESTS", httpStatus: 429 },
  out_of_disk: { code: "SERVICE_UNAVAILABLE", httpStatus: 503 },
};

/** next-auth would call every failure wrong credentials. */
function answerRefusal(error: unknown, usual: Response): Response {
  const known = refusal.safeParse(error);
  if (!known.success) throw error;
  const { reason, message, retryAfterSeconds } = known.data;
  const told = TOLD[reason];
  if (told === undefined) return usual;
  return NextResponse.json(
    { error: { message, data: { ...told, reason } } },
    { status: told.httpStatus, headers: { "retry-after": String(retryAfterSeconds ?? 60) } },
  );
}

export { handle as GET, handle as POST };
