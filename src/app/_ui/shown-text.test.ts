import { describe, expect, it } from "vitest";
import { plainOutput, shown, shownParts, withoutReordering } from "./shown-text";

describe("prose and names", () => {
  it("cannot turn the text around them, and keep their letters and joiners", () => {
    expect(withoutReordering("a\u202egpj.exe")).toBe("a⟨U+202E⟩gpj.exe");
    expect(withoutReordering("\u2066x\u2069")).toBe("⟨U+2066⟩x⟨U+2069⟩");
    expect(withoutReordering("bell\u0007, end\u007f")).toBe("bell␇, end␡");
    const letters = "שלום — 👩\u200d💻\n\ttab";
    expect(withoutReordering(letters)).toBe(letters);
  });
});

describe("what people approve", () => {
  it.each([
    ["a joiner", "rm\u200dx", "rm⟨U+200D⟩x"],
    ["a space without width", "a\u200bb", "a⟨U+200B⟩b"],
    ["a space that is none of the usual", "a\u00a0b", "a⟨U+00A0⟩b"],
    ["a tag", "a\u{e0041}b", "a⟨U+E0041⟩b"],
    ["a filler", "a\u3164b", "a⟨U+3164⟩b"],
    ["a turn of direction", "a\u202eb", "a⟨U+202E⟩b"],
    ["a carriage return", "echo ok\rrm -rf", "echo ok␍rm -rf"],
  ])("shows %s", (_what, text, seen) => {
    expect(shown(text)).toBe(seen);
    expect(shownParts(text).filter(({ sign }) => sign)).toHaveLength(1);
  });

  it("says how much emptiness something was pushed away by", () => {
    expect(shown(`ls${" ".repeat(200)}; rm -rf .`)).toBe("ls⟨200 spaces⟩; rm -rf .");
    expect(shown(`ls${"\t".repeat(12)}x`)).toBe("ls⟨12 tabs⟩x");
    expect(shown(`ls${"\n".repeat(30)}rm`)).toBe("ls\n⟨29 empty lines⟩\nrm");
  });

  it("leaves everyday text as it is", () => {
    const text = "npm test\n\tif [ -f a ]; then\n\n  echo 'é ü 漢字'\nfi";
    expect(shown(text)).toBe(text);
    expect(shownParts(text).some(({ sign }) => sign)).toBe(false);
  });
});

describe("a program's output", () => {
  it("has no escape sequences, whatever they were for", () => {
    expect(plainOutput("\u001b[31mred\u001b[0m")).toBe("red");
    expect(plainOutput("\u001b]0;title\u0007x")).toBe("x");
    expect(plainOutput("\u001b]8;;https://evil.example\u001b\\text\u001b]8;;\u001b\\")).toBe("text");
    expect(plainOutput("\u001b]52;c;aGk=")).toBe("");
  });

  it("has of a line that was drawn anew its last state, and what was typed over once", () => {
    expect(plainOutput("10%\r50%\r100%\ndone\r\n")).toBe("100%\ndone\n");
    expect(plainOutput("N\bNA\bA")).toBe("NA");
    expect(plainOutput("a\n\b\bb")).toBe("a\nb");
  });
});
