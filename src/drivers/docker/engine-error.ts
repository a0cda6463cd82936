/** What the engine client throws → the one error of the driver boundary. */
import { DriverError, type DriverErrorCode } from "../driver";

interface Raw {
  /** Node's errno name, such as `ECONNREFUSED`. */
  code: string | null;
  /** HTTP status of the engine's answer. */
  status: number | null;
  text: string;
}

interface Rule {
  code: DriverErrorCode;
  applies(raw: Raw): boolean;
  message(what: string): string;
}

const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ENOENT",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTSOCK",
  "ENOTDIR",
]);

/** The first rule that applies wins: a full disk is named as such whatever the status around it. */
const RULES: readonly Rule[] = [
  {
    code: "out_of_disk",
    applies: (raw) =>
      raw.code === "ENOSPC" || raw.code === "EDQUOT" || /no space left|disk quota exceeded/i.test(raw.text),
    message: (what) =>
      `The disk is full, so it was not possible to ${what}. Free some space (\`docker system df\` shows what Docker holds; delete sessions that nobody needs), then try again.`,
  },
  {
    code: "engine_unreachable",
    applies: (raw) =>
      raw.status === null && (UNREACHABLE.has(raw.code ?? "") || /socket hang up/i.test(raw.text)),
    message: (what) =>
      `Docker does not answer, so it was not possible to ${what}. Start the engine (\`systemctl start docker\`, or \`npm run up\` as root) and try again.`,
  },
  {
    code: "engine_permission",
    applies: (raw) => raw.status === null && (raw.code === "EACCES" || raw.code === "EPERM"),
    message: (what) =>
      `This user may not use Docker's socket, so it was not possible to ${what}. Add the user to the \`docker\` group (\`sudo usermod -aG docker $USER\`), sign in again, and restart the server.`,
  },
  {
    code: "image_missing",
    applies: (raw) => raw.status === 404 && /no such image/i.test(raw.text),
    message: (what) =>
      `The session image is not on this engine, so it was not possible to ${what}. Run \`npm run up\` again; it builds the image when it is missing.`,
  },
  {
    code: "instance_gone",
    applies: (raw) => raw.status === 404 && /no such container/i.test(raw.text),
    message: (what) =>
      `The session's container is gone, so it was not possible to ${what}. Resume the session: it gets a new container with the same files.`,
  },
  {
    code: "name_taken",
    applies: (raw) =>
      raw.status === 409 && /already in use by container|name .* is already in use/i.test(raw.text),
    message: (what) =>
      `A container with this session's name already exists, so it was not possible to ${what}. Resume the session to give it a new name; when it happens again, look with \`docker ps -a\` for a second installation with the same OPENAGENT_INSTANCE.`,
  },
];

function field(error: unknown, name: "code" | "statusCode"): unknown {
  return typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
}

/**
 * @param error anything that an engine call or a file-system call of the driver threw; a DriverError comes back as it is
 * @param what what was tried, as it reads after "it was not possible to", such as `start the container`
 * @returns an error to throw: the engine's own words are its `detail`, the original its `cause`
 */
export function toDriverError(error: unknown, what: string): DriverError {
  if (error instanceof DriverError) return error;
  const code = field(error, "code");
  const status = field(error, "statusCode");
  const text = (error instanceof Error ? error.message : String(error)).trim();
  const raw: Raw = {
    code: typeof code === "string" ? code : null,
    status: typeof status === "number" ? status : null,
    text,
  };
  const rule = RULES.find((r) => r.applies(raw));
  const message =
    rule?.message(what) ??
    `Docker refused, so it was not possible to ${what}. The detail has the engine's words; \`npm run admin -- doctor\` checks the engine.`;
  return new DriverError(rule?.code ?? "engine_error", message, text, { cause: error });
}

/** True for the engine's "there is no such thing", which idempotent calls take as done. */
export function isNotFound(error: unknown): boolean {
  return field(error, "statusCode") === 404;
}

/** True for 304: the container was in the wanted state already. */
export function isNotModified(error: unknown): boolean {
  return field(error, "statusCode") === 304;
}

/** True for 409: somebody else is at it, or it is in use. */
export function isConflict(error: unknown): boolean {
  return field(error, "statusCode") === 409;
}
