/**
 * Something that the person at the keyboard can mend. `message` is one sentence (or two) with the next step;
 * `detail` is technical and may have many lines.
 */
export class SetupError extends Error {
  name = "SetupError";
  code = /** @type {const} */ ("setup");

  /**
   * @param {string} message
   * @param {string} [detail]
   */
  constructor(message, detail = "") {
    super(message);
    this.detail = detail;
  }
}

/**
 * Runs a command's main function; a failure becomes its sentence on stderr and exit code 1.
 * @param {() => Promise<void>} main
 */
export async function runCommand(main) {
  try {
    await main();
  } catch (error) {
    process.exitCode = 1;
    if (error instanceof SetupError) {
      if (error.detail) process.stderr.write(`${error.detail.trimEnd()}\n`);
      process.stderr.write(`\n${error.message}\n`);
    } else {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    }
  }
}
