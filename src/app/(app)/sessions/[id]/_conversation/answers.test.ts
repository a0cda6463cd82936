import { describe, expect, it } from "vitest";
import type { RequestView } from "../../../../../timeline/view";
import { answerText } from "./answered-line";
import { answersOf, toggled } from "./question-request";

const request: RequestView = {
  requestId: "req_1",
  kind: "permission",
  title: "run",
  detail: "npm test",
  openedAt: "2026-01-01T00:00:00Z",
  outcome: null,
};

describe("what became of a request", () => {
  it("names who decided what, and shows what cannot be seen in it", () => {
    const text = (over: Partial<RequestView>) => answerText({ ...request, ...over }, "Olivia");
    expect(text({ outcome: "once" })).toBe("Olivia allowed once");
    expect(text({ outcome: "always", always: ["npm *\u202e"] })).toBe("Olivia always allows npm *⟨U+202E⟩");
    expect(text({ outcome: "reject", message: "use pnpm" })).toBe("Olivia rejected: use pnpm");
    expect(text({ outcome: "expired" })).toBe("nobody answered in time, so it was rejected");
  });
});

describe("answers to a question", () => {
  it("take one option, or several where several count", () => {
    const none = { labels: [], own: "typed" };
    expect(toggled(none, "a", false)).toEqual({ labels: ["a"], own: "" });
    expect(toggled({ labels: ["a"], own: "" }, "a", false)).toEqual({ labels: [], own: "" });
    expect(toggled({ labels: ["a"], own: "typed" }, "b", true)).toEqual({ labels: ["a", "b"], own: "typed" });
  });

  it("have what was chosen, then what was written", () => {
    expect(
      answersOf([
        { labels: ["a"], own: " b " },
        { labels: [], own: "  " },
      ]),
    ).toEqual([["a", "b"], []]);
  });
});
