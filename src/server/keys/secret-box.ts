import { openEnvelope, sealEnvelope } from "./envelope";
import type { MasterKey } from "./master-key";

/** Secrets of ours at rest, such as the bearer token of an instance. */
export interface SecretBox {
  /** @param context what the secret belongs to, such as `instance:<id>` */
  seal(plain: string, context: string): string;
  /** @throws SealError when it was changed, or sealed for another context. */
  open(sealed: string, context: string): string;
}

export function createSecretBox(master: MasterKey): SecretBox {
  return {
    seal: (plain, context) => sealEnvelope(master, plain, secretContext(context)),
    open: (sealed, context) => openEnvelope(master, sealed, secretContext(context)),
  };
}

/** What a secret's envelope is sealed for. */
export function secretContext(context: string): string[] {
  return ["secret", context];
}
