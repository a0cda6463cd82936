import { TRPCClientError } from "@trpc/client";
import { TerminalClosedError } from "./terminal-error";

/**
 * What to tell the person who runs a script: the server's own sentence where it gave one, else where it was looked for.
 * @param url where the client looks for the server
 * @returns one sentence or two; for what nobody foresaw, the stack
 */
export function explainFailure(error: unknown, { url }: { url: string }): string {
  if (error instanceof TerminalClosedError) return error.message;
  if (error instanceof TRPCClientError) {
    // With data it is the server's answer; without, none of our servers answered.
    if (error.data) return error.message;
    const distrust = certificateFault(error);
    if (distrust !== undefined)
      return `The certificate of ${url} is not trusted here (${distrust}). If its authority is your own, give Node that authority's certificate: NODE_EXTRA_CA_CERTS=/path/to/root.crt`;
    const isAnswered = error.meta?.response !== undefined || error.cause instanceof SyntaxError;
    return isAnswered
      ? `What answers at ${url} is not OpenAgent: set OPENAGENT_URL to the address that npm run up prints.`
      : `No server answers at ${url}: start it with npm run up, or set OPENAGENT_URL.`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Node's code for a certificate that it refused, such as `SELF_SIGNED_CERT_IN_CHAIN`; fetch keeps it as a cause. */
function certificateFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error ? error.code : undefined;
  if (typeof code === "string" && /CERT|LEAF_SIGNATURE/.test(code)) return code;
  return certificateFault(error.cause);
}
