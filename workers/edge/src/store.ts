// Reads the edge's key-value store with a time limit, so that a store that does not answer holds no request up.

const TIMEOUT_MILLISECONDS = 1_000;

/** Returns the entry's text, or null where there is none. Throws when the store fails or does not answer in time. */
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
