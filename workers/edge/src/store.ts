// Reads the edge's key-value store with a time limit, so that a store that does not answer does not block requests.

const TIMEOUT_MILLISECONDS = 1_000;

/**
 * Returns the text of an entry in the key-value store, or null when the store has no such entry. Throws when the store
 * fails or does not answer in time.
 */
export async function entryText(store: KVNamespace, name: string): Promise<string | null> {
  let cancel = (): void => undefined;
  const limit = new Promise<never>((_, reject) => {
    const late = new Error(`the store does not answer within ${TIMEOUT_MILLISECONDS} ms`);
    const timer = setTimeout(() => reject(late), TIMEOUT_MILLISECONDS);
    cancel = () => clearTimeout(timer);
  });
  try {
    return await Promise.race([store.get(name, { cacheTtl: 30 }), limit]);
  } finally {
    cancel();
  }
}
