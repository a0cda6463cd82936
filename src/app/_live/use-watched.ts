import type { DefaultFunctionArgs, FunctionReference } from "convex/server";
import { useEffect, useState } from "react";
import { useLive } from "./live-provider";
import { watch } from "./watch";

export interface Watched<Value> {
  /** The last good one; undefined until the first. */
  value: Value | undefined;
  /** A sentence while the query fails. */
  error: string | null;
}

const NOT_YET: Watched<never> = { value: undefined, error: null };

/** A query of the mirror, live. What was shown stays while it fails. */
export function useWatched<Args extends DefaultFunctionArgs, Value>(
  query: FunctionReference<"query", "public", Args, Value>,
  args: Args,
): Watched<Value> {
  const live = useLive();
  const [watched, setWatched] = useState<Watched<Value>>(NOT_YET);
  const argsKey = JSON.stringify(args);
  useEffect(() => {
    if (live === null) return;
    const end = watch(live.client, {
      query,
      args,
      onValue: (value) => setWatched({ value, error: null }),
      onRefused(refusal, error) {
        if (refusal === "signed_out") live.identity.doubt();
        else console.warn("A live query failed", error);
        setWatched((before) => ({
          value: before.value,
          error:
            "The list could not be brought up to date. It is tried again by itself; reloading the page may help.",
        }));
      },
    });
    return () => {
      end();
      setWatched(NOT_YET);
    };
    // `args` is another object at each render; its key says whether it is another question.
  }, [live, query, argsKey]);
  return watched;
}
