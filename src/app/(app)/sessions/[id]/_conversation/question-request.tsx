"use client";

import { CircleHelp } from "lucide-react";
import { useId, useState } from "react";
import type { Question } from "../../../../../../sidecar/src/contract";
import type { RequestView } from "../../../../../timeline/view";
import { Button } from "../../../../_ui/button";
import { Notice } from "../../../../_ui/notice";
import type { Respond } from "./request-answer";
import { withoutReordering } from "../../../../_ui/shown-text";
import { useAnswer } from "./use-answer";

interface Choice {
  labels: readonly string[];
  own: string;
}

const NOTHING: Choice = { labels: [], own: "" };

/** A choice as the agent gets it: the labels, then what was written. */
export function answersOf(choices: readonly Choice[]): string[][] {
  return choices.map(({ labels, own }) => [...labels, ...(own.trim() === "" ? [] : [own.trim()])]);
}

/** What a click on an option makes of a choice. Where one alone counts, it takes the place of what was written, too. */
export function toggled(choice: Choice, label: string, multiple: boolean): Choice {
  const chosen = choice.labels.includes(label);
  if (!multiple) return { labels: chosen ? [] : [label], own: "" };
  return {
    ...choice,
    labels: chosen ? choice.labels.filter((each) => each !== label) : [...choice.labels, label],
  };
}

interface QuestionRequestProps {
  request: RequestView;
  readOnly: boolean;
  onRespond: Respond;
}

/** The agent's questions: options, several where it allows them, or an own answer. */
export function QuestionRequest({ request, readOnly, onRespond }: QuestionRequestProps) {
  const questions = request.questions ?? [];
  const answer = useAnswer(request.requestId, onRespond);
  const [choices, setChoices] = useState<readonly Choice[]>(() => questions.map(() => NOTHING));
  const answers = answersOf(choices);
  const missing = answers.filter((each) => each.length === 0).length;
  return (
    <form
      aria-label="The agent asks"
      className="rounded-lg border border-field-line bg-bg p-4"
      onSubmit={(event) => {
        event.preventDefault();
        if (missing === 0) answer.send({ answers });
      }}
    >
      <div className="max-h-[60vh] overflow-auto">
        {questions.map((question, index) => (
          <OneQuestion
            key={index}
            question={question}
            choice={choices[index] ?? NOTHING}
            disabled={readOnly || answer.sent !== null}
            onChange={(choice) => setChoices((all) => all.with(index, choice))}
          />
        ))}
      </div>
      {answer.error !== null && <Notice className="mt-3">{answer.error}</Notice>}
      {readOnly ? (
        <p className="mt-3 text-small text-muted">Only those who steer this session can answer.</p>
      ) : (
        <div className="mt-3 flex items-center justify-end gap-3">
          {missing > 0 && questions.length > 1 && (
            <span className="text-[12px] text-muted">
              {missing} of {questions.length} to answer
            </span>
          )}
          <Button type="submit" disabled={missing > 0} busy={answer.sent !== null} busyLabel="Answering…">
            Answer
          </Button>
        </div>
      )}
    </form>
  );
}

interface OneQuestionProps {
  question: Question;
  choice: Choice;
  disabled: boolean;
  onChange: (choice: Choice) => void;
}

function OneQuestion({ question, choice, disabled, onChange }: OneQuestionProps) {
  const name = useId();
  const multiple = question.multiple === true;
  return (
    <fieldset disabled={disabled} className="mb-4 min-w-0 last:mb-0">
      <legend className="mb-2 flex items-start gap-2 font-medium [overflow-wrap:anywhere]">
        <CircleHelp size={18} aria-hidden className="mt-0.5 shrink-0 text-warn" />
        <span dir="auto">
          {withoutReordering(question.question)}
          {multiple && <span className="font-normal text-muted"> (choose any)</span>}
        </span>
      </legend>
      {question.options.map((option) => (
        <label
          key={option.label}
          className="flex min-h-8 cursor-pointer items-start gap-2 rounded-md px-2 py-1 hover:bg-hover pointer-coarse:min-h-10 pointer-coarse:py-2"
        >
          <input
            type={multiple ? "checkbox" : "radio"}
            name={name}
            checked={choice.labels.includes(option.label)}
            onChange={() => onChange(toggled(choice, option.label, multiple))}
            className="mt-[3px] shrink-0 accent-accent"
          />
          <span dir="auto" className="min-w-0 [overflow-wrap:anywhere]">
            {withoutReordering(option.label)}
            {option.description !== "" && (
              <span className="block text-small text-muted">{withoutReordering(option.description)}</span>
            )}
          </span>
        </label>
      ))}
      <input
        value={choice.own}
        onChange={(event) => onChange({ labels: multiple ? choice.labels : [], own: event.target.value })}
        maxLength={10_000}
        aria-label="Your own answer"
        placeholder={question.options.length > 0 ? "or your own answer" : "your answer"}
        className="mt-1 min-h-8 w-full rounded-md border border-field-line bg-bg px-3 text-base sm:text-sm pointer-coarse:min-h-10"
      />
    </fieldset>
  );
}
