const LIMIT_MS = 30_000;

/** When each of a number of subscribers has seen a change. One change at a time. */
export class Arrivals {
  #mark = "";
  #times: number[] = [];
  #onAll: () => void = () => undefined;

  constructor(readonly subscribers: number) {}

  /** To be told of everything that every subscriber gets. */
  see(text: string): void {
    if (this.#mark === "" || !text.includes(this.#mark)) return;
    this.#times.push(performance.now());
    if (this.#times.length === this.subscribers) this.#onAll();
  }

  /**
   * Makes the change and waits until all have seen its mark.
   * @returns how long it took each, and how long the call itself, ms
   * @throws Error when somebody does not
   */
  async of(mark: string, change: () => Promise<unknown>): Promise<{ arrivedMs: number[]; callMs: number }> {
    this.#mark = mark;
    this.#times = [];
    let timer: NodeJS.Timeout | undefined;
    const all = new Promise<void>((resolve, reject) => {
      this.#onAll = resolve;
      timer = setTimeout(
        () =>
          reject(
            new Error(`${this.#times.length} of ${this.subscribers} saw ${mark} within ${LIMIT_MS} ms.`),
          ),
        LIMIT_MS,
      );
    });
    const begun = performance.now();
    const call = change().then(() => performance.now() - begun);
    try {
      const [callMs] = await Promise.all([call, all]);
      return { arrivedMs: this.#times.map((time) => time - begun), callMs };
    } finally {
      clearTimeout(timer);
      this.#mark = "";
    }
  }
}
