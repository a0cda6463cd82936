import type { SessionEvent } from "../../sidecar/src/contract";
import type { PersistentList } from "./persistent-list";
import type { PersistentMap } from "./persistent-map";
import type {
  ChildView,
  ErrorView,
  FileChangeView,
  MessageView,
  RequestView,
  RestoreView,
  RetryView,
  SettingsView,
  StatusView,
  TodoView,
  TotalsView,
  TurnView,
} from "./view";

/** A session's conversation up to `lastSeq`. Never changed in place. */
export interface Timeline {
  readonly lastSeq: number;
  /** In the order in which they began; sub-agents' messages among them, marked by `childId`. */
  readonly messages: PersistentList<MessageView>;
  /** Older messages exist that this timeline was not given; what comes of them is not its business. */
  readonly hasOlder: boolean;
  /** Place in `messages` by message id, and by prompt id for what a person sent. */
  readonly messageIndex: PersistentMap<number>;
  /** Those in state `streaming`. */
  readonly openMessageIds: readonly string[];
  /** Prompts that wait, as messages in state `queued`, in order; shown after `messages`. */
  readonly queue: readonly MessageView[];
  readonly turns: PersistentMap<TurnView>;
  readonly currentTurnId: string | null;
  readonly requests: PersistentMap<RequestView>;
  readonly openRequestIds: readonly string[];
  readonly todos: readonly TodoView[];
  readonly childTodos: PersistentMap<readonly TodoView[]>;
  readonly children: readonly ChildView[];
  readonly changes: readonly FileChangeView[];
  /** Undone from this message on; null when nothing is. */
  readonly revertedFrom: string | null;
  /** Each time that the session went back to a snapshot, or began as a copy of one, in order. */
  readonly restores: readonly RestoreView[];
  readonly retry: RetryView | null;
  /** The last 100. */
  readonly errors: readonly ErrorView[];
  /** null until the first `session.status`. */
  readonly status: StatusView | null;
  readonly settings: SettingsView;
  readonly totals: TotalsView;
}

/** Events of some types, with their numbers. */
export type EventOf<T extends SessionEvent["type"]> = Extract<SessionEvent, { type: T }>;
