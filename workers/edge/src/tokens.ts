// Finds the principal and the grants of a token by the token's digest. If an entry cannot be parsed, the worker treats
// the token as unknown and refuses the client. The key-value store may show a change a minute late. The feed of recent
// revocations therefore takes precedence over entries in this store.

import { setBounded } from "./bounded_map";
import { type MetadataApi, queryToken } from "./metadata";
import type { Revocations } from "./revocations";
import { entryText } from "./store";
import { Unavailable } from "./unavailable";

/** A token's entry in the key-value store, under the key `token:<sha256 hex>`. */
export interface Entitlement {
  revision: number; // the version of the token's record, or 0 when the entry has none
  principal: string;
  expires: number; // when the token expires, as Unix time in seconds
  grants: readonly string[];
}

/**
 * The sources of a token's grants. The worker first queries `store` (Workers KV). If `store` has no entry for the
 * token, the worker queries `api`, the metadata API. `revocations` says which entries are outdated.
 */
export interface Sources {
  store: KVNamespace;
  api: MetadataApi | undefined;
  revocations: Promise<Revocations>;
  /** Keeps the request alive until the promise `work` settles, even after the worker has sent the response. */
  waitUntil: (work: Promise<unknown>) => void;
}

const POSITIVE_MILLISECONDS = 2_000; // for this time, an isolate uses a cached entry, even if the token is revoked
const NEGATIVE_MILLISECONDS = 2_000;
// When the isolate's copy of an entry has this age, one request starts a new read of the entry in the background. All
// requests use the old copy until this read ends. Without this early read, all requests would read the entry at the
// moment when the copy becomes too old.
const RENEWAL_MILLISECONDS = 1_500;
// the maximum number of token entries in an isolate's memory; they take a few MB of its 128 MB
const CACHED_ENTRIES = 10_000;

interface CachedEntry {
  entitlement: Entitlement | undefined;
  until: number;
  /** After this time, the next request with the token starts a background read of the entry. */
  renewal: number;
}

const memory = new Map<string, CachedEntry>();

/**
 * Returns the token's entitlement, or undefined when the token is unknown, revoked or expired. The entitlement comes
 * from the isolate's memory, the key-value store or the metadata API, in this order. If the feed of recent revocations
 * has a newer version of the token, the worker queries only the metadata API. Throws `Unavailable` when no source
 * answers.
 *
 * A request never waits for the read of another request, because the runtime cancels a read when the request that
 * started the read ends.
 */
export async function entitlementOf(digest: string, sources: Sources, now: number): Promise<Entitlement | undefined> {
  const known = memory.get(digest);
  const isKnown = known !== undefined && known.until > now;
  if (isKnown && known.renewal <= now) {
    known.renewal = known.until;
    sources.waitUntil(renewed(digest, sources, now));
  }
  const found = isKnown ? known.entitlement : remember(digest, await entryOf(digest, sources), now);
  const change = (await sources.revocations).tokens.get(digest);
  if (found === undefined || change?.revoked === true) return undefined;
  const isCurrent = change === undefined || change.revision <= found.revision;
  const entitlement = isCurrent ? found : remember(digest, await currentEntry(digest, sources.api), now);
  return entitlement !== undefined && entitlement.expires * 1000 > now ? entitlement : undefined;
}

/**
 * Reads a token's entry again. If neither the key-value store nor the metadata API answers, the isolate keeps its old
 * copy of the entry until the copy is too old.
 */
async function renewed(digest: string, sources: Sources, now: number): Promise<void> {
  const before = memory.get(digest);
  try {
    const text = await entryOf(digest, sources);
    // If another request has stored a newer entry since this function began, the newer entry stays in memory.
    if (memory.get(digest) === before) remember(digest, text, now);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
  }
}

/** Keeps the token's entry in the isolate's memory, and returns its entitlement. */
function remember(digest: string, text: string | undefined, now: number): Entitlement | undefined {
  const entitlement = text === undefined ? undefined : parse(text);
  const life = entitlement === undefined ? NEGATIVE_MILLISECONDS : POSITIVE_MILLISECONDS;
  setBounded(memory, digest, { entitlement, until: now + life, renewal: now + RENEWAL_MILLISECONDS }, CACHED_ENTRIES);
  return entitlement;
}

/**
 * Returns the token's entry in the key-value store, which may say that the token is revoked. When the store has no
 * entry, queries the metadata API.
 */
async function entryOf(digest: string, { store, api }: Sources): Promise<string | undefined> {
  let text: string | null = null;
  try {
    text = await entryText(store, `token:${digest}`);
  } catch {
    if (api === undefined) throw new Unavailable();
  }
  if (text !== null) return text;
  return api === undefined ? undefined : currentEntry(digest, api);
}

/** Returns the token's entry in the metadata database. Throws `Unavailable` when the metadata API does not answer. */
async function currentEntry(digest: string, api: MetadataApi | undefined): Promise<string | undefined> {
  if (api === undefined) throw new Unavailable();
  const answer = await queryToken(api, digest);
  if (answer === "unknown") throw new Unavailable();
  return answer;
}

function parse(text: string): Entitlement | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof entry !== "object" || entry === null) return undefined;
  const { version, revision, principal, expires, grants } = entry as Record<string, unknown>;
  if (version !== 1 || typeof principal !== "string" || typeof expires !== "number" || !Array.isArray(grants)) {
    return undefined;
  }
  const known = typeof revision === "number" ? revision : 0;
  return { revision: known, principal, expires, grants: grants.filter((grant) => typeof grant === "string") };
}
