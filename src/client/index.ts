/**
 * OpenAgent for scripts: `import { createClient, followEvents, openTerminal } from "openagent/client"`.
 * The programs in `examples/` show each of them at work.
 */
export { createClient, type OpenAgentClient, type ClientOptions } from "./client";
export { explainFailure } from "./explain-failure";
export { followEvents, type FollowOptions } from "./follow-events";
export { openTerminal, type Terminal, type TerminalOptions } from "./terminal";
export { TerminalClosedError, type TerminalClosedCode } from "./terminal-error";
export { TRPCClientError } from "@trpc/client";
export type { EventDataOf, EventType, ModelRef, SessionEvent } from "../../sidecar/src/contract";
