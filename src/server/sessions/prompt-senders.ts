import { currentRequestId, inRequest } from "../request-scope";

/** Prompts remembered at a time: far more than wait on a busy installation. */
const MOST = 1_000;

/**
 * Which request sent a prompt, for one that waits in line: when its turn comes, another request or none is at work. In
 * memory, as it serves the log alone.
 */
export interface PromptSenders {
  /** The request at work sent this prompt. */
  remember(promptId: string): void;
  /** Hands a prompt over as part of the request that sent it; of none when that is not known any more. */
  handOver<T>(promptId: string, work: () => Promise<T>): Promise<T>;
}

export function createPromptSenders(): PromptSenders {
  const senders = new Map<string, string>();
  return {
    remember(promptId) {
      const requestId = currentRequestId();
      if (requestId === null) return;
      senders.set(promptId, requestId);
      const [oldest] = senders.keys();
      if (senders.size > MOST && oldest !== undefined) senders.delete(oldest);
    },
    async handOver(promptId, work) {
      const result = await inRequest(senders.get(promptId) ?? null, work);
      senders.delete(promptId);
      return result;
    },
  };
}
