import { DriverError } from "../../../drivers/driver";

export interface Finding {
  what: string;
  /** What is wrong and what to do; null: all is well. */
  problem: string | null;
  /** What was found. */
  fact: string;
  /** No fault, but not known to be well either. */
  isNote?: boolean;
}

/** A finding as people read it. */
export function lineOf({ what, problem, fact, isNote = false }: Finding): string {
  const verdict = problem !== null ? "FAIL" : isNote ? "note" : "ok  ";
  return `${verdict}  ${what}: ${problem ?? fact}`;
}

/** What only the engine knows. */
export async function examineByDriver(
  what: string,
  look: () => Promise<Omit<Finding, "what">>,
): Promise<Finding> {
  try {
    return { what, ...(await look()) };
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    return { what, problem: error.message, fact: error.detail };
  }
}

const NAMED = 3;

/** The first few of many, for a line of text. */
export function someOf(names: readonly string[]): string {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
