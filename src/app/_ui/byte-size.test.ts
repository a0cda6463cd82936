import { expect, it } from "vitest";
import { byteSize } from "./byte-size";

it.each([
  [0, "0 bytes"],
  [1023, "1023 bytes"],
  [1024, "1 KiB"],
  [1024 ** 2 - 1, "1.0 MiB"],
  [5.25 * 1024 ** 2, "5.3 MiB"],
  [19.96 * 1024 ** 3, "20 GiB"],
  [3 * 1024 ** 5, "3072 TiB"],
])("%d is %s", (bytes, words) => {
  expect(byteSize(bytes)).toBe(words);
});
