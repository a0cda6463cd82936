import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * For `expect.poll`, whose own limit of a second a busy machine exceeds: a condition that comes true is waited for no
 * longer than it takes, so the limit only says how late a failure is told. It stands below every test's.
 */
const POLL = { timeout: 30_000 };

/** As long as one likes a soak to be: what waits in the long tests has limits of its own. */
const DAY_MS = 24 * 60 * 60_000;
/** Of each kind, in the long tests. */
const KILLS = process.env.OPENAGENT_TEST_KILLS ?? "20";

/** Unit tests stand beside the code; integration tests (`*.integration.test.ts`) need the real engine and the built image. */
export default defineConfig({
  test: {
    // Of its own accord it leaves a core to whoever watches: half of a small machine.
    maxWorkers: availableParallelism(),
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
          exclude: ["e2e/long/**", "**/node_modules/**"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          expect: { poll: POLL },
        },
      },
      {
        test: {
          // Hours of use and many faults: `npm run test:long`.
          name: "long",
          include: ["e2e/long/**/*.test.ts", "e2e/recovery.test.ts"],
          exclude: ["**/node_modules/**"],
          env: { OPENAGENT_TEST_KILLS: KILLS },
          testTimeout: DAY_MS,
          hookTimeout: DAY_MS,
          fileParallelism: false,
          expect: { poll: POLL },
        },
      },
    ],
  },
});
