/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type { ApiFromModules, FilterApi, FunctionReference } from "convex/server";
import type * as mirror from "../mirror.js";
import type * as model_access from "../model/access.js";
import type * as model_events from "../model/events.js";
import type * as model_rows from "../model/rows.js";
import type * as model_visible from "../model/visible.js";
import type * as people from "../people.js";
import type * as requests from "../requests.js";
import type * as sessionEvents from "../sessionEvents.js";
import type * as sessions from "../sessions.js";

/**
 * A utility for referencing Convex functions in your app's API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
declare const fullApi: ApiFromModules<{
  mirror: typeof mirror;
  "model/access": typeof model_access;
  "model/events": typeof model_events;
  "model/rows": typeof model_rows;
  "model/visible": typeof model_visible;
  people: typeof people;
  requests: typeof requests;
  sessionEvents: typeof sessionEvents;
  sessions: typeof sessions;
}>;
export declare const api: FilterApi<typeof fullApi, FunctionReference<any, "public">>;
export declare const internal: FilterApi<typeof fullApi, FunctionReference<any, "internal">>;
