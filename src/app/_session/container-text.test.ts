import { expect, it } from "vitest";
import { containerText } from "./container-text";

it("says image and version of a container, short", () => {
  expect(containerText({ image: "openagent-session:1f3a", version: "0.1.0" })).toBe("Image 1f3a · 0.1.0");
  expect(containerText({ image: "registry.test:5000/team/session:2", version: null })).toBe("Image 2");
  expect(containerText({ image: "session", version: null })).toBe("Image session");
});
