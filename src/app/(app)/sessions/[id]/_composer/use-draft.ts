import { useRemembered } from "../../../../_client/remembered";

/** What was typed and not sent, kept over reloads and in every tab of this browser. */
export function useDraft(sessionId: string): [string, (text: string) => void] {
  const [text, setText] = useRemembered(() => localStorage, `openagent.draft.${sessionId}`);
  return [text ?? "", (next) => setText(next === "" ? null : next)];
}
