// Reads the edge's key-value store with a time limit. Without the limit, a store that does not answer would block
// requests. After three reads in a row without an answer, an isolate sends only a few reads to the store until the
// store answers again.

import { type Clock, systemClock } from "./hedging";
import { NodeHealth } from "./node_health";

const TIMEOUT_MILLISECONDS = 1_000;
const STORE = "store";

/** The methods of Workers KV (a KVNamespace) that the worker uses. */
interface Store {
  get: (name: string, options: { cacheTtl: number }) => Promise<string | null>;
}

export class StoreReader {
  readonly #health = new NodeHealth();

  constructor(private readonly clock: Clock) {}

  /**
   * Returns the value of an entry in the key-value store as a string, or null when the store has no such entry. Throws
   * an error when the store fails or does not answer in time.
   *
   * After three reads in a row without an answer, most calls throw an error at once and do not query the store. This
   * ends when the store answers again.
   */
  async text(store: Store, name: string): Promise<string | null> {
    const { now, after } = this.clock;
    const started = now();
    if (this.#health.isBackedOff(STORE, started)) throw new Error("the store did not answer recently");
    this.#health.started(STORE, started);
    let cancel = (): void => undefined;
    const limit = new Promise<never>((_, reject) => {
      cancel = after(TIMEOUT_MILLISECONDS, () => {
        this.#health.lost(STORE, now() - started, now());
        reject(new Error(`the store does not answer within ${TIMEOUT_MILLISECONDS} ms`));
      });
    });
    try {
      const text = await Promise.race([store.get(name, { cacheTtl: 30 }), limit]);
      this.#health.answered(STORE, now() - started);
      return text;
    } finally {
      cancel();
    }
  }
}

const reader = new StoreReader(systemClock);

/**
 * Returns the value of an entry as a string, or null when the store has no such entry. Throws the same errors as
 * `StoreReader.text`. All requests of the isolate share one `StoreReader`. After three reads in a row without an
 * answer, most reads of all these requests therefore fail at once.
 */
export function entryText(store: Store, name: string): Promise<string | null> {
  return reader.text(store, name);
}
