import { describe, expect, it } from "vitest";
import { bytesText } from "./bytes";

describe("bytes in words", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1024 ** 2 - 1, "1.0 MiB"],
    [150 * 1024 ** 2, "150 MiB"],
    [1.5 * 1024 ** 3, "1.5 GiB"],
    [5000 * 1024 ** 4, "5000 TiB"],
  ])("%d are %s", (bytes, text) => expect(bytesText(bytes)).toBe(text));
});
