// What was withdrawn: keys that no cache may answer for any more, however long an object was said to be immutable.

import { Unavailable } from "./tokens";

const ENTRY = "quarantine";
const FRESH_MILLISECONDS = 2_000; // how long a withdrawn object may still be served by an isolate that has the list

interface Remembered {
  text: string;
  keys: ReadonlySet<string>;
  until: number;
}

let remembered: Remembered | undefined;

/** Throws `Unavailable` where no list was ever read: it might name the key. A list that cannot be renewed stays good. */
export async function isQuarantined(key: string, store: KVNamespace, now: number): Promise<boolean> {
  if (remembered === undefined || remembered.until <= now) remembered = await renewed(store, now);
  return remembered.keys.has(key);
}

async function renewed(store: KVNamespace, now: number): Promise<Remembered> {
  const until = now + FRESH_MILLISECONDS;
  try {
    const text = (await store.get(ENTRY, { cacheTtl: 30 })) ?? "";
    if (remembered?.text === text) return { ...remembered, until };
    return { text, keys: parse(text), until };
  } catch {
    if (remembered === undefined) throw new Unavailable();
    return { ...remembered, until };
  }
}

/** Throws for a text that is no list of this version; none at all is an empty one. */
function parse(text: string): ReadonlySet<string> {
  if (text === "") return new Set();
  const { version, keys } = JSON.parse(text) as { version: unknown; keys: unknown };
  if (version !== 1 || !Array.isArray(keys)) throw new Error("no list");
  return new Set(keys.filter((key) => typeof key === "string"));
}
