/** What the mirror's tokens come from. */
export interface TokenSource {
  /** @returns null when nobody is signed in; @throws when the server does not answer */
  fetch(): Promise<string | null>;
}

/** Asked for again no sooner than this when the mirror says that nobody is signed in: it may only be filling up. */
const SIGNED_OUT_CHECK_MS = 10_000;

/**
 * The page's identity at the mirror. The server alone decides whether somebody is signed in: a mirror that says no may be
 * one that was started a moment ago and knows nobody yet.
 */
export interface Identity {
  /** For `setAuth` of the Convex client. A server that does not answer is asked again, as long as it takes. */
  token(opts: { forceRefreshToken: boolean }): Promise<string | null>;
  /** The mirror or the server says that nobody is signed in. */
  doubt(): void;
  /** The person signs out here: that nobody is signed in is no news. @returns takes it back */
  leave(): () => void;
}

export function createIdentity(deps: {
  source: TokenSource;
  /** Hands the new token to the client. */
  renew(): void;
  /** The server says that nobody is signed in. */
  onSignedOut(): void;
  nowMs(): number;
  waitMs(failures: number): Promise<void>;
}): Identity {
  let doubtedAtMs = -Infinity;
  let isLeaving = false;
  const ask = async (): Promise<string | null> => {
    for (let failures = 0; ; failures += 1) {
      try {
        const token = await deps.source.fetch();
        if (token === null && !isLeaving) deps.onSignedOut();
        return token;
      } catch {
        // Giving no token would sign the page out; the server may be back in a moment.
        await deps.waitMs(failures);
      }
    }
  };
  return {
    token: ask,
    doubt() {
      if (deps.nowMs() - doubtedAtMs < SIGNED_OUT_CHECK_MS) return;
      doubtedAtMs = deps.nowMs();
      deps.renew();
    },
    leave() {
      isLeaving = true;
      return () => {
        isLeaving = false;
        // It may have come true meanwhile.
        deps.renew();
      };
    },
  };
}
