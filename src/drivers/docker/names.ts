/** Names and labels on the engine, made from ids alone and readable back. */
import { DriverError, type VolumeKind } from "../driver";

export const LABEL = {
  installation: "openagent.installation",
  session: "openagent.session",
  instance: "openagent.instance",
  /** On containers that never start: by them the engine reads and writes volumes. */
  copy: "openagent.copy",
  /** On images; one that somebody makes from ours has it too. */
  image: "openagent.image",
} as const;
export const SESSION_IMAGE = { label: `${LABEL.image}=session`, repository: "openagent-session" } as const;

const ID = /^[a-z]{3}_[A-Za-z0-9]{8,64}$/;
const INSTALLATION = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

export function isId(text: string): boolean {
  return ID.test(text);
}

/**
 * The wall between ids and names: nothing else is ever put into a name, a path or a label.
 * @throws DriverError `engine_error` for anything that is not an id of ours
 */
export function checkId(id: string): string {
  if (isId(id)) return id;
  throw new DriverError(
    "engine_error",
    "This is not an id that OpenAgent makes, so nothing was done. Take the id from the list of sessions.",
    `id ${JSON.stringify(id.slice(0, 100))} does not match ${ID.source}`,
  );
}

/** @throws Error naming OPENAGENT_INSTANCE when the prefix cannot stand in names on the engine. */
export function checkInstallation(prefix: string): string {
  if (INSTALLATION.test(prefix)) return prefix;
  throw new Error(
    `OPENAGENT_INSTANCE is ${JSON.stringify(prefix)}; set it to 1 to 32 lower-case letters, digits and hyphens, such as oa-3f2a.`,
  );
}

/** `<prefix>-<instance>`; ids hold no hyphen, so two installations never make the same name. */
export function containerName(prefix: string, instanceId: string): string {
  return `${prefix}-${checkId(instanceId)}`;
}

/** `<prefix>-<session>-workspace` or `-state`. */
export function volumeName(prefix: string, sessionId: string, kind: VolumeKind): string {
  return `${prefix}-${checkId(sessionId)}-${kind}`;
}

export function volumeLabels(prefix: string, sessionId: string): Record<string, string> {
  return { [LABEL.installation]: prefix, [LABEL.session]: checkId(sessionId) };
}

/** As the engine's filters take labels that must all be there. */
export function labelFilter(labels: Record<string, string>): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
}

/** What a prompt in the container shows: a host name takes no underscore. */
export function hostName(sessionId: string): string {
  return checkId(sessionId).slice(0, 12).replace("_", "-").toLowerCase();
}
