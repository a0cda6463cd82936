import { z } from "zod";
import { HostError } from "./host-error";
import type { Schema } from "./schema";
import { compileValidator, type Check } from "./validators";

export interface HostedFunction {
  kind: "query" | "mutation";
  isPublic: boolean;
  checkArgs: Check;
  checkResult: Check;
  /** @param argsJson a list of one object @returns the result's JSON */
  invoke(argsJson: string): Promise<string>;
}

export interface Functions {
  /** @param path such as `messages:list` @throws HostError `refused` */
  find(
    path: string,
    wanted: { kind: HostedFunction["kind"]; internalToo: boolean },
  ): HostedFunction & { path: string };
}

type Exported = (...args: never[]) => unknown;
const registered = z.object({
  isQuery: z.literal(true).optional(),
  isMutation: z.literal(true).optional(),
  isPublic: z.literal(true).optional(),
  isInternal: z.literal(true).optional(),
  exportArgs: z.custom<() => string>((value) => typeof value === "function"),
  exportReturns: z.custom<() => string>((value) => typeof value === "function"),
  invokeQuery: z.custom<HostedFunction["invoke"]>((value) => typeof value === "function").optional(),
  invokeMutation: z.custom<HostedFunction["invoke"]>((value) => typeof value === "function").optional(),
});

/** Marks of what the library can define and this host cannot run. */
const UNSUPPORTED = {
  isAction: "actions",
  isHttp: "HTTP actions",
  isRouter: "HTTP routes",
  isCrons: "crons",
};

/**
 * The functions that a project's modules export. Other exports are its own.
 * @param modules by path, such as `messages` or `admin/people`
 * @throws HostError `unsupported`
 */
export function readFunctions(
  modules: Record<string, Record<string, unknown>>,
  { schema }: { schema: Schema },
): Functions {
  const functions = new Map<string, HostedFunction>();
  for (const [modulePath, exports] of Object.entries(modules)) {
    for (const [name, value] of Object.entries(exports)) {
      const path = `${modulePath}:${name}`;
      requireSupported(value, path);
      const hosted = readFunction(value, { path, schema });
      if (hosted !== null) functions.set(path, hosted);
    }
  }
  return {
    find(asked, { kind, internalToo }) {
      const path = canonical(asked);
      const found = functions.get(path);
      if (found === undefined || !(found.isPublic || internalToo))
        throw new HostError("refused", `Could not find public function for '${path}'. Deploy it first.`);
      if (found.kind !== kind) throw new HostError("refused", `'${path}' is a ${found.kind}, not a ${kind}.`);
      return { ...found, path };
    },
  };
}

/** `a.js:b` and `a:b` are one; `a` is the module's default export. */
function canonical(path: string): string {
  const [modulePath = "", name = "default"] = path.split(":");
  return `${modulePath.replace(/\.js$/, "")}:${name}`;
}

function requireSupported(value: unknown, path: string): void {
  if ((typeof value !== "function" && typeof value !== "object") || value === null) return;
  for (const [mark, what] of Object.entries(UNSUPPORTED)) {
    if (Reflect.get(value, mark) === true)
      throw new HostError("unsupported", `${path}: this host has no ${what}; it runs queries and mutations.`);
  }
}

function readFunction(
  value: unknown,
  { path, schema }: { path: string; schema: Schema },
): HostedFunction | null {
  if (!isFunction(value) || !("isQuery" in value || "isMutation" in value)) return null;
  const parsed = registered.safeParse({ ...value });
  if (!parsed.success) throw new HostError("unsupported", `${path}: ${z.prettifyError(parsed.error)}`);
  const { isQuery, isPublic, invokeQuery, invokeMutation, exportArgs, exportReturns } = parsed.data;
  const kind = isQuery === true ? "query" : "mutation";
  const invoke = kind === "query" ? invokeQuery : invokeMutation;
  if (invoke === undefined) throw new HostError("unsupported", `${path} cannot be invoked.`);
  const compiled = (json: unknown, of: string) =>
    compileValidator(json, { of: `${of} of ${path}`, tables: schema });
  const returns: unknown = JSON.parse(exportReturns());
  return {
    kind,
    isPublic: isPublic === true,
    checkArgs: compiled(JSON.parse(exportArgs()), "arguments"),
    checkResult: returns === null ? () => null : compiled(returns, "result"),
    invoke,
  };
}

function isFunction(value: unknown): value is Exported {
  return typeof value === "function";
}
