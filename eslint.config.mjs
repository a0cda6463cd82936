import js from "@eslint/js";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/** A folder's forbidden imports, each with what to use instead. */
const arrow = (files, patterns) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns }] },
});

const dockerodeOnlyInDriver = {
  group: ["dockerode"],
  message: "The engine is spoken to only in src/drivers/docker; use the Driver port (src/drivers/driver.ts).",
};

const beyondServer = [
  {
    group: ["**/app/**"],
    message:
      "The server knows nothing of its pages; what a page needs it gives by tRPC or src/server/accessor.",
  },
];

const driverOnlyComposed = {
  group: ["**/drivers/docker/**"],
  message: "Services take the Driver port (src/drivers/driver.ts); the driver is built in compose-engine.ts.",
};

const noEnvironment = {
  object: "process",
  property: "env",
  message: "The environment is parsed once, in env.ts; take what you need as an argument.",
};

export default tseslint.config(
  {
    ignores: [
      "node_modules",
      ".next",
      "dist",
      "data",
      ".cache",
      "next-env.d.ts",
      "coverage",
      "convex/_generated",
    ],
  },
  js.configs.recommended,
  {
    files: ["**/*.mjs"],
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        URL: "readonly",
        fetch: "readonly",
        setTimeout: "readonly",
        clearTimeout: "readonly",
        Buffer: "readonly",
        AbortController: "readonly",
        AbortSignal: "readonly",
        TextDecoder: "readonly",
        setInterval: "readonly",
      },
    },
  },
  ...tseslint.configs.recommendedTypeChecked.map((config) => ({ ...config, files: ["**/*.ts", "**/*.tsx"] })),
  {
    files: ["**/*.ts", "**/*.tsx"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/require-await": "off",
      // Services are made by factories and never use `this`; their methods are passed on freely.
      "@typescript-eslint/unbound-method": "off",
      "no-empty": ["error", { allowEmptyCatch: false }],
    },
  },
  {
    files: ["src/**/*.ts", "src/**/*.tsx", "sidecar/src/**/*.ts"],
    ignores: ["**/env.ts", "**/*.test.ts"],
    rules: { "no-restricted-properties": ["error", noEnvironment] },
  },
  {
    files: ["src/app/**/*.tsx"],
    plugins: { "react-hooks": reactHooks },
    rules: reactHooks.configs.recommended.rules,
  },
  arrow(["src/**/*.ts", "src/**/*.tsx"], [dockerodeOnlyInDriver]),
  arrow(["src/server/**/*.ts"], [dockerodeOnlyInDriver, ...beyondServer, driverOnlyComposed]),
  // Where the driver is built: for the process, and for the command line that looks at the machine without one.
  arrow(
    ["src/server/compose-engine.ts", "src/server/cli/doctor/doctor.ts"],
    [dockerodeOnlyInDriver, ...beyondServer],
  ),
  {
    files: ["src/client/**/*.ts"],
    ignores: ["**/*.test.ts", "**/testing.ts"],
    rules: {
      "@typescript-eslint/no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: ["**/server/**", "**/drivers/**", "**/app/**"],
              allowTypeImports: true,
              message: "Scripts import the client alone: it takes only types from src/server.",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["src/app/**/*.ts", "src/app/**/*.tsx"],
    ignores: ["src/app/api/**"],
    rules: {
      "@typescript-eslint/no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: ["**/server/**", "!**/server/accessor"],
              allowTypeImports: true,
              message:
                "Pages take only types from src/server; reach the server over tRPC or src/server/accessor.",
            },
          ],
        },
      ],
    },
  },
  arrow(
    ["src/drivers/docker/**/*.ts"],
    [
      {
        group: ["**/server/**", "**/app/**"],
        message: "Drivers know nothing of the server: they implement src/drivers/driver.ts.",
      },
    ],
  ),
  arrow(
    ["src/timeline/**/*.ts"],
    [
      {
        group: ["node:*", "**/server/**", "**/app/**"],
        message: "The timeline is pure: events in, conversation out.",
      },
    ],
  ),
  arrow(
    ["sidecar/src/**/*.ts"],
    [
      {
        group: ["**/server/**", "**/app/**", "**/drivers/**", "**/timeline/**", "dockerode"],
        message: "The sidecar imports nothing of ours outside sidecar/; the server imports its contract.",
      },
    ],
  ),
  {
    files: ["convex/**/*.ts"],
    ignores: ["**/*.test.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: ["node:*", "fs", "path", "crypto", "**/src/**", "**/sidecar/**"],
              message: "Convex functions run anywhere Convex runs: no Node, nothing of ours outside convex/.",
            },
          ],
        },
      ],
      "no-restricted-globals": [
        "error",
        ...["fetch", "setTimeout", "setInterval", "setImmediate", "Buffer", "require", "__dirname"].map(
          (name) => ({
            name,
            message: "Queries and mutations of Convex have neither network nor timers nor Node.",
          }),
        ),
      ],
    },
  },
  {
    files: ["src/server/convex-host/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            dockerodeOnlyInDriver,
            {
              regex: "^(\\.\\./){2,}|/convex/",
              message: "The host knows nothing of OpenAgent: give it a schema and functions.",
            },
          ],
        },
      ],
    },
  },
  arrow(
    ["e2e/**/*.ts"],
    [
      {
        group: ["**/src/server/**", "**/src/drivers/**"],
        message: "e2e drives the product from outside: HTTP, sockets, a browser.",
      },
    ],
  ),
);
