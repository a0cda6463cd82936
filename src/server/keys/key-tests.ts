import type { Caller } from "../auth/caller";
import { Throttle, type ThrottleLimit } from "../auth/throttle";
import type { Clock } from "../clock";
import type { HostPort } from "../egress/parse-host-port";
import { AppError } from "../errors";
import { askProvider, type AskDeps } from "./ask-provider";
import { checkedEndpoint } from "./endpoint-url";
import { keyQuestion } from "./key-question";
import { keyTestFailed, verdictOf, type KeyTestResult } from "./key-verdict";
import type { OpenedKey, ProviderKeys } from "./provider-keys";

export interface KeyTests {
  /**
   * Asks the provider, with the stored key, something that costs nothing: mostly for its list of models. An endpoint of
   * one's own that lists its models to anyone passes with any key.
   * @throws AppError `not_found` as {@link ProviderKeys.open}, `throttled`
   */
  test(caller: Caller, id: string): Promise<KeyTestResult>;
}

/** Of one person: providers count requests too. */
const TESTS_PER_PERSON: ThrottleLimit = { tries: 10, windowMs: 60_000 };
export const KEY_TEST_DEADLINE_MS = 10_000;

export interface KeyTestsDeps extends AskDeps {
  keys: Pick<ProviderKeys, "open">;
  clock: Clock;
  allowPrivate: readonly HostPort[];
}

export function createKeyTests(deps: KeyTestsDeps): KeyTests {
  const tests = new Throttle(deps.clock, TESTS_PER_PERSON);
  return {
    async test(caller, id) {
      tests.take(caller.userId);
      return testOpened(deps, deps.keys.open(caller, id));
    },
  };
}

async function testOpened(deps: KeyTestsDeps, opened: OpenedKey): Promise<KeyTestResult> {
  const { name, provider, key, isOwnEndpoint } = opened;
  if (key === null) {
    return keyTestFailed(
      "unreadable",
      `The stored key for ${name} cannot be decrypted any more. Enter it again.`,
    );
  }
  if (provider === null) {
    return keyTestFailed("untestable", `This version of OpenAgent does not know ${name}. Remove the key.`);
  }
  const closed = isOwnEndpoint ? complaintAbout(provider.baseUrl, deps.allowPrivate) : null;
  if (closed !== null) return keyTestFailed("blocked", closed);
  const question = keyQuestion({ ...provider, key }, { isOwnEndpoint });
  if (question === null) {
    return keyTestFailed(
      "untestable",
      `${name} tells nothing about a key that costs nothing. Choose one of its models in a session and send a prompt.`,
    );
  }
  const heard = await askProvider(question, deps);
  return verdictOf(heard, { ...question, name, key, isOwnEndpoint, deadlineMs: deps.deadlineMs });
}

/** What was allowed when the key was stored may not be so any more. */
function complaintAbout(baseUrl: string, allowPrivate: readonly HostPort[]): string | null {
  try {
    checkedEndpoint(baseUrl, allowPrivate);
    return null;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.message;
  }
}
