/** Lets readers sleep until there is something new. {@link News.end} by whoever made it. */
export class News {
  readonly #sleepers = new Set<() => void>();
  #ended = false;

  get ended(): boolean {
    return this.#ended;
  }

  /** There is something new. */
  tell(): void {
    for (const wake of [...this.#sleepers]) wake();
  }

  /** Nothing will come any more. */
  end(): void {
    this.#ended = true;
    this.tell();
  }

  /** True with the next news, the end or the signal; false when none of them came within `idleMs`. */
  next(signal: AbortSignal, idleMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (news: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        this.#sleepers.delete(wake);
        resolve(news);
      };
      const wake = () => finish(true);
      const timer = setTimeout(() => finish(false), idleMs);
      signal.addEventListener("abort", wake);
      this.#sleepers.add(wake);
      if (signal.aborted || this.#ended) wake();
    });
  }
}
