import { useLive } from "./live-provider";

/** Signs out on purpose by `end`, and goes to the sign-in page without a word about it. What `end` throws is thrown on. */
export function useLeave(): (end: () => Promise<unknown>) => Promise<void> {
  const live = useLive();
  return async (end) => {
    const stay = live?.identity.leave();
    try {
      await end();
    } catch (cause) {
      stay?.();
      throw cause;
    }
    window.location.assign("/sign-in");
  };
}
