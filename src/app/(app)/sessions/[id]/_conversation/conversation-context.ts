import { createContext, useContext } from "react";
import type { RequestView } from "../../../../../timeline/view";

/** What cards deep in the conversation need, and what seldom changes. */
export interface ConversationContextValue {
  names: ReadonlyMap<string, string>;
  answeredByPart: ReadonlyMap<string, readonly RequestView[]>;
}

const Context = createContext<ConversationContextValue>({ names: new Map(), answeredByPart: new Map() });

export const ConversationProvider = Context.Provider;

export function useConversation(): ConversationContextValue {
  return useContext(Context);
}

/** People whose name is not known are people all the same. */
export function nameOf(names: ReadonlyMap<string, string>, userId: string | undefined): string {
  return (userId === undefined ? undefined : names.get(userId)) ?? "Someone";
}
