type Job = () => Promise<void>;

/** Batches of queries wait for no more mutations than this, however many there are. */
const MUTATIONS_AT_ONCE = 16;
/** After so long the rest of the process has its turn. */
const BUSY_MS = 10;

export type Slots = ReturnType<typeof createSlots>;

/** Runs one job at a time: a mutation sees no other's half-done work, a batch of queries sees one state. Mutations first. */
export function createSlots() {
  const mutations: Job[] = [];
  const batches: Job[] = [];
  let isRunning = false;

  async function drain(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    let [inRow, busySince] = [0, performance.now()];
    for (;;) {
      const isMutation = mutations.length > 0 && (inRow < MUTATIONS_AT_ONCE || batches.length === 0);
      const job = isMutation ? mutations.shift() : batches.shift();
      if (job === undefined) break;
      inRow = isMutation ? inRow + 1 : 0;
      await job();
      if (performance.now() - busySince < BUSY_MS) continue;
      await new Promise((resolve) => setImmediate(resolve));
      busySince = performance.now();
    }
    isRunning = false;
  }

  function enqueue<T>(queue: Job[], run: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      queue.push(() => run().then(resolve, reject));
      void drain();
    });
  }

  return {
    mutation: <T>(run: () => Promise<T>): Promise<T> => enqueue(mutations, run),
    batch: <T>(run: () => Promise<T>): Promise<T> => enqueue(batches, run),
  };
}
