import { createHmac } from "node:crypto";
import {
  CONTRACT_VERSION,
  credentialsPayload,
  registrationPayload,
  registrationProofInput,
  type BootLine,
  type CredentialsPayload,
  type OfferResponse,
  type RegistrationPayload,
  type SealedMessage,
} from "../protocol";
import { SidecarError } from "../errors";
import { generateSealKeyPair, openSealed, SealError, type SealContext, type SealKeyPair } from "./seal";

/** Wrong messages that are answered before the process gives up. */
export const MAX_REGISTRATION_TRIES = 20;

export interface RegistrationOptions {
  boot: BootLine;
  version: string;
  /** Starts the instance with what the server sent. A failure leaves the door open for another try. */
  onRegistered: (payload: RegistrationPayload) => Promise<void>;
  /** Called when the tries are used up: the process must end. */
  onExhausted: () => void;
}

/**
 * The sidecar's side of registration: proves that it holds the boot token, then opens one sealed message, once.
 * Keys and token stay in this object's memory.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #token: Uint8Array;
  readonly #pair: SealKeyPair;
  #state: "open" | "completing" | "done" = "open";
  #wrong = 0;
  readonly #usedEncapsulations = new Set<string>();

  private constructor(options: RegistrationOptions, pair: SealKeyPair) {
    this.#options = options;
    this.#pair = pair;
    this.#token = Buffer.from(options.boot.token, "base64url");
  }

  static async create(options: RegistrationOptions): Promise<Registration> {
    return new Registration(options, await generateSealKeyPair());
  }

  get done(): boolean {
    return this.#state === "done";
  }

  /** @throws SidecarError `already_registered`. */
  offer(nonce: string): OfferResponse {
    this.#assertOpen();
    const { sessionId, instanceId } = this.#options.boot;
    const publicKey = this.#pair.publicKey;
    const input = registrationProofInput({ sessionId, instanceId, publicKey, nonce });
    const proof = createHmac("sha256", this.#token).update(input).digest("base64url");
    return { publicKey, proof, contract: CONTRACT_VERSION, version: this.#options.version };
  }

  /** @throws SidecarError `bad_request` for a message not made for this instance, `already_registered` after success. */
  async complete(sealed: SealedMessage): Promise<void> {
    this.#assertOpen();
    this.#state = "completing";
    try {
      const payload = await this.#open("registration", sealed, (json) => registrationPayload.parse(json));
      await this.#options.onRegistered(payload);
      this.#state = "done";
    } catch (error) {
      this.#state = "open";
      throw error;
    }
  }

  /**
   * Opens a later message with new credentials; each message works once.
   * @throws SidecarError `bad_request`.
   */
  async openCredentials(sealed: SealedMessage): Promise<CredentialsPayload> {
    return this.#open("credentials", sealed, (json) => credentialsPayload.parse(json));
  }

  async #open<T>(
    purpose: SealContext["purpose"],
    sealed: SealedMessage,
    parse: (json: unknown) => T,
  ): Promise<T> {
    const { sessionId, instanceId } = this.#options.boot;
    try {
      if (this.#usedEncapsulations.has(sealed.enc))
        throw new SealError("open_failed", "The sealed message was used before.");
      const text = await openSealed(
        this.#pair.privateKey,
        { purpose, sessionId, instanceId, token: this.#token },
        sealed,
      );
      const payload = parse(JSON.parse(text));
      this.#usedEncapsulations.add(sealed.enc);
      return payload;
    } catch (cause) {
      this.#countWrong();
      // A parser's message can quote the message's content, which holds keys: only our own text may be told.
      const detail =
        cause instanceof SealError
          ? cause.message
          : "The sealed message's content does not fit the contract.";
      throw new SidecarError(
        "bad_request",
        "The sealed message was refused; register this instance again.",
        detail,
        { cause },
      );
    }
  }

  #countWrong(): void {
    if (this.#state === "done") return;
    this.#wrong += 1;
    if (this.#wrong >= MAX_REGISTRATION_TRIES) this.#options.onExhausted();
  }

  #assertOpen(): void {
    if (this.#state === "open") return;
    throw new SidecarError(
      "already_registered",
      "This instance is registered already; start a new container to register again.",
    );
  }
}
