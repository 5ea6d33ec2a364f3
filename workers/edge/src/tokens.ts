// Finds the principal and the grants of a token by the token's digest. An entry that cannot be parsed counts as absent,
// so that the client is refused.

import { type MetadataApi, queryToken } from "./metadata";
import { entryText } from "./store";

/** A token's entry in the key-value store, under the key `token:<sha256 hex>`. */
export interface Entitlement {
  principal: string;
  expires: number; // Unix time in seconds
  grants: readonly string[];
}

/**
 * Thrown when neither the key-value store nor the metadata API answers. The client gets 503, because the edge cannot
 * know whether the token is valid.
 */
export class Unavailable extends Error {}

/** The sources of entitlements: the edge's key-value store, and the metadata API for tokens without an entry. */
export interface Sources {
  store: KVNamespace;
  api: MetadataApi | undefined;
}

const POSITIVE_MILLISECONDS = 2_000; // how long a revoked token still works in an isolate that has cached its entry
const NEGATIVE_MILLISECONDS = 2_000;
const CACHED_ENTRIES = 10_000; // a few MB of the isolate's 128 MB of memory

interface CachedEntry {
  entitlement: Entitlement | undefined;
  until: number;
}

const memory = new Map<string, CachedEntry>();

/**
 * Returns the token's entitlement, or undefined when the token is unknown, revoked or expired. Looks in the isolate's
 * memory, the key-value store and the metadata API, in this order. Throws `Unavailable` when no source answers.
 */
export async function entitlementOf(digest: string, sources: Sources, now: number): Promise<Entitlement | undefined> {
  const known = memory.get(digest);
  const entitlement = known !== undefined && known.until > now ? known.entitlement : await lookUp(digest, sources, now);
  return entitlement !== undefined && entitlement.expires * 1000 > now ? entitlement : undefined;
}

async function lookUp(digest: string, sources: Sources, now: number): Promise<Entitlement | undefined> {
  const text = await entryOf(digest, sources);
  const entitlement = text === undefined ? undefined : parse(text);
  if (memory.size >= CACHED_ENTRIES) memory.delete(memory.keys().next().value ?? "");
  const life = entitlement === undefined ? NEGATIVE_MILLISECONDS : POSITIVE_MILLISECONDS;
  memory.set(digest, { entitlement, until: now + life });
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
  if (api === undefined) return undefined;
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
  const { version, principal, expires, grants } = entry as Record<string, unknown>;
  if (version !== 1 || typeof principal !== "string" || typeof expires !== "number" || !Array.isArray(grants)) {
    return undefined;
  }
  return { principal, expires, grants: grants.filter((grant) => typeof grant === "string") };
}
