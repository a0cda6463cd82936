import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { PermissionAnswers } from "./permission-answers";

function drawn(always: readonly string[]): string {
  const markup = renderToStaticMarkup(
    createElement(PermissionAnswers, { requestId: "req_1", always, onRespond: async () => undefined }),
  );
  return markup.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ");
}

describe("the answers to a permission request", () => {
  it("have no always where nothing is known of what it would allow", () => {
    expect(drawn([])).toContain("Allow once");
    expect(drawn([])).not.toMatch(/always/i);
  });

  it("say beside always all that it would allow, with what would not be seen", () => {
    expect(drawn(["npm *", "git\u202e push\u200b *"])).toMatch(
      /Allow always.*Always, in this session: npm \* , git ⟨U\+202E⟩ push ⟨U\+200B⟩ \*/,
    );
  });

  it("say so when it would allow everything, and not when only a part of it is everything", () => {
    expect(drawn(["*"])).toContain("everything of this kind");
    expect(drawn(["*", "ls"])).toMatch(/in this session: \* , ls/);
  });
});
