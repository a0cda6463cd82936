/** Pure decisions about which image a session runs on, and with which sidecars this server talks. */
import type { Failure } from "../../../sidecar/src/contract";
import { CONTRACT_VERSION } from "../../../sidecar/src/protocol";
import { AppError } from "../errors";
import { SidecarError } from "../sidecar-client/sidecar-error";

/** The image on which a session's agent became ready last. */
export interface ReadyImage {
  image: string;
  /** What the sidecar in it speaks; null: not known. */
  contract: number | null;
  isOnEngine: boolean;
}

/**
 * The images to start a session on, in this order, each where the one before is at fault: the one in force, then the one
 * that the session ran on before. The other way round while it is known that the one in force does not start it.
 * @param failed the image in whose place it runs on `ready`
 */
export function imagesToTry(
  inForce: string,
  session: { ready: ReadyImage | null; failed: string | null },
): string[] {
  const { ready } = session;
  const isOfUse =
    ready !== null &&
    ready.image !== inForce &&
    ready.isOnEngine &&
    ready.contract !== null &&
    talksWith(ready.contract);
  if (!isOfUse) return [inForce];
  return session.failed === inForce ? [ready.image, inForce] : [inForce, ready.image];
}

/**
 * May another image do better after this failure to start? Yes, when it is what runs in the container that did not do its
 * part; no, when it is the engine, the disk, the database, or a setting that names no image.
 */
export function isImagesFault(error: unknown): boolean {
  if (error instanceof SidecarError) return true;
  return (
    error instanceof AppError && (error.reason === "sidecar_unreachable" || error.reason === "other_version")
  );
}

/** Said in the log of a session that runs on the image before. @param failure of the start on the image in force */
export function rolledBack(images: { inForce: string; ready: string }, failure: Failure): Failure {
  return {
    code: "image_rolled_back",
    message:
      "The session did not start on this server's session image, so it runs on the one it had before; files and chat are kept. Rebuild it to try the new image again.",
    detail: [
      `${images.inForce}: ${failure.message}`,
      ...(failure.detail ? [failure.detail] : []),
      `It runs on ${images.ready}.`,
    ].join("\n"),
  };
}

/** Does this server understand a sidecar of that contract? Within one contract either side may be the newer. */
export function talksWith(contract: number): boolean {
  return contract === CONTRACT_VERSION;
}

/** Why a container that runs is not taken up. */
export function otherContract(contract: number): Failure {
  const by = contract > CONTRACT_VERSION ? "a newer OpenAgent than this one" : "an older OpenAgent";
  return {
    code: "other_version",
    message: `The session's container was started by ${by}, and the two cannot talk. Resume to start a new one; files and chat are kept.`,
    detail: `the container speaks contract ${contract}, this server ${CONTRACT_VERSION}`,
  };
}

/** Why a container is given no keys. @param offer what its sidecar says of itself */
export function unfitImage(offer: { contract: number; version: string }): AppError {
  const is = offer.contract > CONTRACT_VERSION ? "newer" : "older";
  return new AppError(
    "INTERNAL_SERVER_ERROR",
    "other_version",
    `The session image is ${is} than this server, and the two cannot talk. Run "npm run down" and "npm run up", which builds the right one, then resume.`,
    {
      detail: `sidecar ${offer.version} speaks contract ${offer.contract}, this server ${CONTRACT_VERSION}`,
    },
  );
}
