import type { ConvexReactClient, Watch } from "convex/react";
import type { DefaultFunctionArgs, FunctionReference } from "convex/server";
import { ConvexError } from "convex/values";
import { isObject } from "../_client/parse-json";

/** Why a query failed: what the function said about it, or null for a fault of its own. */
export type WatchRefusal = "signed_out" | "not_found" | null;

export interface Watcher<Value> {
  onValue(value: Value): void;
  /** The watch stays: the query may yet succeed. */
  onRefused(refusal: WatchRefusal, error: unknown): void;
}

/**
 * A query's value now and whenever it changes. Unlike `useQuery` a failure is told, not thrown: no failed query takes the
 * page down.
 * @returns ends it
 */
export function watch<Args extends DefaultFunctionArgs, Value>(
  client: ConvexReactClient,
  opts: { query: FunctionReference<"query", "public", Args, Value>; args: Args } & Watcher<Value>,
): () => void {
  // The client's variadic types ask for a query that is known when this is compiled.
  const watched = client.watchQuery<FunctionReference<"query">>(opts.query, opts.args) as Watch<Value>;
  const look = () => {
    let value: Value | undefined;
    try {
      value = watched.localQueryResult();
    } catch (error) {
      opts.onRefused(refusalOf(error), error);
      return;
    }
    if (value !== undefined) opts.onValue(value);
  };
  const end = watched.onUpdate(look);
  look();
  return end;
}

function refusalOf(error: unknown): WatchRefusal {
  if (!(error instanceof ConvexError)) return null;
  const data: unknown = error.data;
  if (!isObject(data)) return null;
  return data.reason === "signed_out" || data.reason === "not_found" ? data.reason : null;
}
