"use client";

import { memo } from "react";
import type { ModelRef } from "../../../../../../sidecar/src/contract";
import { AgentMessage } from "./agent-message";
import { AnsweredLine } from "./answered-line";
import { FailureCard } from "./failure-card";
import { Fold } from "./fold";
import { PersonMessage, textOf } from "./person-message";
import { ShellCard } from "./shell-card";
import { shown, withoutReordering } from "../../../../_ui/shown-text";
import { TurnFooter } from "./turn-footer";
import { sameTurn, type Turn } from "./turns";

interface TurnSectionProps {
  turn: Turn;
  /** The model that now answers, when another did before. */
  changedModel: ModelRef | null;
  /** Only the last turn goes on. */
  onContinue?: (() => void) | undefined;
}

/** Drawn anew only when something of the turn changed. */
export const TurnSection = memo(
  function TurnSection({ turn, changedModel, onContinue }: TurnSectionProps) {
    if (turn.reverted) {
      return (
        <Fold line={<UndoneLine turn={turn} />} className="my-3">
          {() => <TurnContent turn={turn} changedModel={changedModel} />}
        </Fold>
      );
    }
    return <TurnContent turn={turn} changedModel={changedModel} onContinue={onContinue} />;
  },
  (a, b) =>
    sameTurn(a.turn, b.turn) &&
    a.onContinue === b.onContinue &&
    a.changedModel?.providerId === b.changedModel?.providerId &&
    a.changedModel?.modelId === b.changedModel?.modelId,
);

function UndoneLine({ turn }: { turn: Turn }) {
  const asked = turn.person === null ? "" : `: ${withoutReordering(textOf(turn.person)).slice(0, 200)}`;
  return <span className="min-w-0 truncate text-small">undone{asked}</span>;
}

function TurnContent({ turn, changedModel, onContinue }: TurnSectionProps) {
  const { person, agent, threads } = turn;
  const isShell = person?.kind === "shell";
  return (
    <section data-turn={turn.key} className="mt-8 first:mt-0">
      {person === null && <h2 className="sr-only">The agent</h2>}
      {person !== null && !isShell && <PersonMessage message={person} waiting={null} />}
      {person !== null && isShell && <ShellCard message={person} agent={agent} waiting={null} />}
      {changedModel !== null && (
        <p className="my-2 text-[12px] text-muted">
          now with {shown(changedModel.providerId)} · {shown(changedModel.modelId)}
        </p>
      )}
      {!isShell &&
        agent.map((message) => <AgentMessage key={message.id} message={message} threads={threads} />)}
      {turn.answered.map((request) => (
        <AnsweredLine key={request.requestId} request={request} />
      ))}
      {turn.failures.map((failure) => (
        <FailureCard key={`${failure.code} ${failure.message}`} failure={failure} onContinue={onContinue} />
      ))}
      {!isShell && <TurnFooter turn={turn} onContinue={onContinue} />}
    </section>
  );
}
