// The quarantine: a list of the keys of withdrawn objects. The edge refuses these objects even while caches still hold
// them. The list is in the key-value store, which may show a change late. The worker therefore also reads the feed of
// recent withdrawals.

import { entryText } from "./store";
import type { Sources } from "./tokens";
import { Unavailable } from "./unavailable";

const ENTRY = "quarantine";
// The number of milliseconds for which an isolate uses its copy of the quarantine list before it reads the list again.
// During this time, the isolate may serve an object that has just been withdrawn.
const FRESH_MILLISECONDS = 2_000;
// When the isolate's copy of the quarantine list has this age, one request starts a new read of the list in the
// background. All requests use the old copy until this read ends.
const RENEWAL_MILLISECONDS = 1_500;

interface CachedList {
  text: string;
  keys: ReadonlySet<string>;
  until: number;
  /** The time after which the next request starts a new read of the quarantine list. */
  renewal: number;
}

let cached: CachedList | undefined;

/**
 * Returns whether the feed of recent withdrawals or the quarantine list in the key-value store contains the object's
 * key. If the list cannot be read again, the isolate uses the copy that it read last. Throws `Unavailable` when the
 * isolate has never read the list, because the list might contain the key.
 */
export async function isQuarantined(
  key: string,
  { store, revocations, waitUntil }: Pick<Sources, "store" | "revocations" | "waitUntil">,
  now: number,
): Promise<boolean> {
  if ((await revocations).objects.has(key)) return true;
  if (cached === undefined || cached.until <= now) {
    cached = await refreshed(store, now);
  } else if (cached.renewal <= now) {
    cached.renewal = cached.until;
    waitUntil(renew(store, now));
  }
  return cached.keys.has(key);
}

/** Replaces the isolate's copy of the quarantine list, unless another request has already replaced the copy. */
async function renew(store: KVNamespace, now: number): Promise<void> {
  const before = cached;
  const list = await refreshed(store, now);
  if (cached === before) cached = list;
}

async function refreshed(store: KVNamespace, now: number): Promise<CachedList> {
  const times = { until: now + FRESH_MILLISECONDS, renewal: now + RENEWAL_MILLISECONDS };
  try {
    const text = (await entryText(store, ENTRY)) ?? "";
    if (cached?.text === text) return { ...cached, ...times };
    return { text, keys: parse(text), ...times };
  } catch {
    if (cached === undefined) throw new Unavailable();
    return { ...cached, ...times };
  }
}

/**
 * Returns the object keys in the quarantine list. An empty string is an empty list. Throws an error for invalid input.
 */
function parse(text: string): ReadonlySet<string> {
  if (text === "") return new Set();
  const { version, keys } = JSON.parse(text) as { version: unknown; keys: unknown };
  if (version !== 1 || !Array.isArray(keys)) throw new Error("no list");
  return new Set(keys.filter((key) => typeof key === "string"));
}
