export type BackupErrorCode =
  | "wrong_passphrase"
  | "weak_passphrase"
  | "not_a_backup"
  | "damaged"
  | "refused_entry"
  | "other_version"
  | "wrong_master_key"
  | "in_use"
  | "not_empty"
  | "no_volumes"
  | "bad_file";

/** The one error of backup and restore. `message`: a sentence with the next step; `detail`: technical. */
export class BackupError extends Error {
  override readonly name = "BackupError";
  readonly detail: string | null;
  constructor(
    readonly code: BackupErrorCode,
    message: string,
    opts: { detail?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: opts.cause });
    this.detail = opts.detail ?? null;
  }
}

/** For whatever is wrong with the archive's content: nothing in it is to be believed then. */
export function damaged(detail: string, cause?: unknown): BackupError {
  return new BackupError(
    "damaged",
    "The backup is damaged or was changed, so nothing was restored. Take another copy of it, or an older backup.",
    { detail, cause },
  );
}
