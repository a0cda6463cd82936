import type { IncomingHttpHeaders } from "node:http";
import { isBearer } from "../auth/authenticate";
import { AppError } from "../errors";

/** Which names this installation answers to, and which pages may act for its people. */
export interface Origins {
  /** The address to print and to build links from, without a slash at the end. */
  readonly main: string;
  /** @throws AppError `not_allowed`: a name that is not ours leads here by DNS rebinding or a wrong set-up. */
  requireOurHost(host: string | undefined, opts: { loopbackToo: boolean }): void;
  /** @throws AppError `not_allowed` when the request acts for a browser that another site steers. */
  requireOurOrigin(request: OriginFacts): void;
}

export interface OriginFacts {
  method: string;
  headers: IncomingHttpHeaders;
  /** next-auth's own routes prove by a token in the form that their page is ours. */
  hasOwnCsrfToken?: boolean;
  /** An upgrade counts as changing something whatever its method. */
  isUpgrade?: boolean;
}

/** What a browser's `Sec-Fetch-Site` says of our own pages; programs do not send it. */
const SAME_SITE = new Set<unknown>([undefined, "same-origin", "none"]);

/** @param opts.publicUrl OPENAGENT_URL; null: `localhost` and `127.0.0.1` on the port are equal */
export function createOrigins(opts: { publicUrl: URL | null; port: number }): Origins {
  const loopback = ["127.0.0.1", "localhost"].map((name) => new URL(`http://${name}:${opts.port}`));
  const ours = opts.publicUrl === null ? loopback : [opts.publicUrl];
  const hosts = new Set(ours.map((url) => url.host));
  const loopbackHosts = new Set(loopback.map((url) => url.host));
  const origins = new Set(ours.map((url) => url.origin));
  return {
    main: (opts.publicUrl ?? new URL(`http://127.0.0.1:${opts.port}`)).origin,
    requireOurHost(host, { loopbackToo }) {
      const name = host?.toLowerCase() ?? "";
      if (hosts.has(name) || (loopbackToo && loopbackHosts.has(name))) return;
      throw new AppError(
        "FORBIDDEN",
        "not_allowed",
        `This server does not go by that name. Use ${[...origins].join(" or ")}, or set OPENAGENT_URL to the address that people type.`,
      );
    },
    requireOurOrigin({ method, headers, hasOwnCsrfToken = false, isUpgrade = false }) {
      if (headers.origin !== undefined) {
        if (!origins.has(headers.origin)) throw otherOrigin(origins);
        return;
      }
      if (headers.cookie === undefined || isBearer(headers) || hasOwnCsrfToken) return;
      // Browsers name the origin of every request that changes something; only a program can leave it out. A socket stays
      // open and reads too, so there a cookie alone is not enough.
      if (isUpgrade) throw foreignPage();
      const changes = method !== "GET" && method !== "HEAD";
      if (changes && !SAME_SITE.has(headers["sec-fetch-site"])) throw foreignPage();
    },
  };
}

/** Also our own page, opened by http where OPENAGENT_URL says https: whoever reads this must learn where to go. */
function otherOrigin(origins: ReadonlySet<string>): AppError {
  return new AppError(
    "FORBIDDEN",
    "not_allowed",
    `The request comes from a page of another address. Open this server at ${[...origins].join(" or ")}, or set OPENAGENT_URL to the address that people type.`,
  );
}

function foreignPage(): AppError {
  return new AppError(
    "FORBIDDEN",
    "not_allowed",
    "The request does not say that it comes from a page of this server. Scripts send a personal access token and no cookie, or an Origin header with this server's address.",
  );
}
