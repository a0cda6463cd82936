/** What a stub session is asked for and what it then says: known to it and to whoever checks that nothing is missing. */

export interface Flood {
  /** Events a second of one session. */
  perSecond: number;
  seconds: number;
}

export function floodPrompt({ perSecond, seconds }: Flood): string {
  return `flood ${perSecond} ${seconds}`;
}

/** Any other prompt is a flood of nothing: its turn ends at once. */
export function parseFlood(prompt: string): Flood {
  const [, perSecond, seconds] = /^flood (\d+) (\d+)$/.exec(prompt) ?? [];
  return { perSecond: Number(perSecond ?? 1), seconds: Number(seconds ?? 0) };
}

/** The k-th of a flood's deltas, of the length of a few words. */
export function floodText(k: number): string {
  return `delta ${k} of words that a model says `;
}
