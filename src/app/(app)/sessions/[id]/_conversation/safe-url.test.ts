import { describe, expect, it } from "vitest";
import { safeUrl } from "./safe-url";

describe("a link of the agent's", () => {
  it.each(["https://example.com/a?b#c", "HTTP://example.com", "mailto:a@example.com"])(
    "leads to %s",
    (url) => {
      expect(safeUrl(url)).toBe(url);
    },
  );

  it.each([
    "javascript:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>",
    "vbscript:x",
    "blob:https://example.com/1",
    "file:///etc/passwd",
    "//example.com",
    "/settings",
    "#top",
    "https://",
    "",
  ])("leads nowhere as %j", (url) => {
    expect(safeUrl(url)).toBe("");
  });
});
