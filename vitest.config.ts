import { defineConfig } from "vitest/config";

/**
 * For `expect.poll`, whose own limit of a second a busy machine exceeds: a condition that comes true is waited for no
 * longer than it takes, so the limit only says how late a failure is told. It stands below every test's.
 */
const POLL = { timeout: 30_000 };

/** Unit tests stand beside the code; integration tests (`*.integration.test.ts`) need the real engine and the built image. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "src/**/*.test.ts",
            "sidecar/src/**/*.test.ts",
            "convex/**/*.test.ts",
            "scripts/**/*.test.ts",
          ],
          exclude: ["**/*.integration.test.ts", "**/node_modules/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: POLL },
        },
      },
      {
        test: {
          name: "integration",
          include: ["src/**/*.integration.test.ts", "e2e/**/*.test.ts"],
          exclude: ["**/node_modules/**"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          expect: { poll: POLL },
        },
      },
    ],
  },
});
