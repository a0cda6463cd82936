import { describe, expect, it } from "vitest";
import { refusalSentence } from "./refused-sign-in";

const PROVIDERS = [{ id: "github", name: "GitHub" }];

describe("what the sign-in page says after a sign-in elsewhere", () => {
  it("says why and what to do, by the provider's name", () => {
    expect(refusalSentence({ refused: "email_not_proved", by: "github" }, PROVIDERS)).toMatch(
      /^GitHub did not say/,
    );
    expect(refusalSentence({ error: "OAuthCallback" }, PROVIDERS)).toMatch(/did not work/);
  });

  it("shows nothing of what somebody else wrote into the address", () => {
    expect(refusalSentence({}, PROVIDERS)).toBeNull();
    for (const refused of ["<b>", "toString", "__proto__"])
      expect(refusalSentence({ refused, by: "github" }, PROVIDERS)).toBeNull();
    expect(refusalSentence({ refused: "email_not_proved", by: "<b>" }, PROVIDERS)).not.toContain("<b>");
    expect(refusalSentence({ error: ["<b>"] }, PROVIDERS)).not.toContain("<b>");
  });
});
