import { useState } from "react";
import type { RequestAnswer, Respond } from "./request-answer";

interface Answering {
  /** What is on its way, or has arrived and is not told of yet. */
  sent: RequestAnswer | null;
  error: string | null;
  send(answer: RequestAnswer): void;
}

/** Sends the one answer to a request. After a failure it can be sent again. */
export function useAnswer(requestId: string, onRespond: Respond): Answering {
  const [sent, setSent] = useState<RequestAnswer | null>(null);
  const [error, setError] = useState<string | null>(null);
  const deliver = async (answer: RequestAnswer) => {
    setSent(answer);
    setError(null);
    try {
      await onRespond(requestId, answer);
    } catch (failure) {
      setSent(null);
      setError(failure instanceof Error ? failure.message : "The answer did not arrive. Try again.");
    }
  };
  return {
    sent,
    error,
    send(answer) {
      if (sent === null) void deliver(answer);
    },
  };
}
