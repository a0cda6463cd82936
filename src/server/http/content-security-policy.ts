/** What a page may load and where it may connect to. */
export interface PolicyFacts {
  /** Of this answer alone; Next puts it on its own scripts. */
  nonce: string;
  /** The name and port that the browser used, already known to be ours. */
  host: string;
  /** Other origins that pages call, by HTTP and by socket: a Convex elsewhere. */
  connectTo: readonly URL[];
  /** Next's development needs `eval`. */
  dev: boolean;
}

/** For answers that are no pages: nothing in them loads, runs or is framed. */
export const NO_PAGE_POLICY =
  "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/**
 * A script runs only with the answer's nonce, or when one that has it loads it. Styles may stand inline: xterm, Next and
 * the positioning of menus write them, and a style can neither run nor, under this policy, send anything elsewhere.
 * Sockets of the own origin are named, as older browsers do not take them for `'self'`.
 */
export function contentSecurityPolicy({ nonce, host, connectTo, dev }: PolicyFacts): string {
  const elsewhere = connectTo.flatMap((url) => [url.origin, socketOrigin(url)]);
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'strict-dynamic'${dev ? " 'unsafe-eval'" : ""}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    ["connect-src 'self'", `ws://${host}`, `wss://${host}`, ...elsewhere].join(" "),
    "worker-src 'self' blob:",
    "manifest-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "object-src 'none'",
  ].join("; ");
}

function socketOrigin(url: URL): string {
  return `${url.protocol === "https:" ? "wss" : "ws"}://${url.host}`;
}
