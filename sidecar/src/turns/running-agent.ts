import type { Failure } from "../contract";
import type { AgentClient } from "../opencode/client";

/** The opencode that is kept running, as turns see it. */
export interface RunningAgent {
  /** Null while it takes no calls. */
  client: () => AgentClient | null;
  /** Why there is no client, as far as it is known. */
  reason: () => Failure | null;
  /** Ends it at once; it is started again. */
  restart: () => void;
}
