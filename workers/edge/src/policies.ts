// Finds the edge policy in force. A feed, a small document of the metadata API, lists the digests of the latest
// policies and data sets of advisories. The newest come first. Without a feed document, the worker reads the digests
// from an entry in the key-value store. The policies are immutable objects at the origin (contract/edge_policies.py).

import { type Current, Feed } from "./feed";
import { InvalidDocument } from "./fields";
import { parsePolicy, type Policy } from "./policy";
import { Unavailable } from "./unavailable";
import { type Digests, type Read, VersionedDocuments } from "./versioned_documents";

export interface NamedPolicy {
  digest: string;
  policy: Policy;
}

/**
 * The digests of the latest edge policies, and those of the latest data sets of advisories. In each list, the newest
 * digest comes first.
 */
export interface Latest {
  policies: Digests;
  advisories: Digests;
}

// The key of the entry in the key-value store that lists the digests of the latest policies.
export const POLICIES_ENTRY = "edge-policy";
export const policiesFeed = new Feed("edge-policy", parseDigests);

const UNREADABLE = "the edge policy cannot be read right now";
// The number of milliseconds for which an isolate uses its copy of the key-value store's entry POLICIES_ENTRY before it
// reads the entry again.
const FRESH_MILLISECONDS = 2_000;

const documents = new VersionedDocuments("edge-policy", UNREADABLE, (digest) => `edge-policies/${digest}.json`, parsePolicy);
let entry: { latest: Latest; until: number } | undefined;

/**
 * Returns the digests of edge policies and advisories from the fields of a document. Throws an error for invalid
 * fields.
 */
export function parseDigests({ policies, advisories = [] }: Record<string, unknown>): Latest {
  if (!areDigests(policies) || !areDigests(advisories)) throw new Error("no policies");
  return { policies, advisories };
}

function areDigests(given: unknown): given is string[] {
  return Array.isArray(given) && given.every((digest) => typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest));
}

/**
 * Returns the digests of the latest edge policies and of the latest data sets of advisories. The digests come from
 * `document`, the current document of their feed. Without a document, the digests come from an entry in the key-value
 * store. `readEntry` returns the text of this entry, or null if the store has no such entry. Throws `Unavailable` when
 * neither the feed nor the store can be read.
 */
export async function latestPolicies(
  { document }: Current<Latest>,
  readEntry: () => Promise<string | null>,
  now: number,
): Promise<Latest> {
  if (document !== undefined) return document;
  if (entry !== undefined && entry.until > now) return entry.latest;
  try {
    const text = await readEntry();
    const latest = parseDigests(text === null ? { policies: [] } : (JSON.parse(text) as Record<string, unknown>));
    entry = { latest, until: now + FRESH_MILLISECONDS };
  } catch {
    if (entry === undefined) throw new Unavailable(UNREADABLE);
  }
  return entry.latest;
}

/**
 * `digests` lists the digests of edge policies. Returns the newest valid policy in this list, or undefined for an empty
 * list. If a policy cannot be read, or if no policy is valid, returns the policy that the isolate applied last. Throws
 * `Unavailable` if the isolate has applied no policy yet.
 */
export async function policyInForce(digests: Digests, read: Read): Promise<NamedPolicy | undefined> {
  const found = await documents.inForce(digests, read);
  return found && { digest: found.digest, policy: found.value };
}

/**
 * Returns the edge policy that applies to a client. `digest` identifies the edge policy of the experiment variant that
 * the client is assigned to. If there is no digest, or if this policy is invalid or unreadable, the stack's current
 * policy `inForce` applies.
 */
export async function policyOfVariant(
  digest: string | undefined,
  inForce: NamedPolicy | undefined,
  read: Read,
): Promise<NamedPolicy | undefined> {
  if (digest === undefined) return inForce;
  try {
    return { digest, policy: await policyWith(digest, read) };
  } catch (error) {
    if (error instanceof InvalidDocument || error instanceof Unavailable) return inForce;
    throw error;
  }
}

/**
 * Returns whether the worker applies the newest of the edge policies whose digests are in `digests`. The worker applies
 * a policy only if the isolate can read the policy and the policy is valid.
 */
export async function isNewestInForce(digests: Digests, read: Read): Promise<boolean> {
  return documents.isNewestInForce(digests, read);
}

/**
 * Returns the edge policy with this digest. Throws `InvalidDocument` if the policy is invalid, and `Unavailable` if it
 * cannot be read.
 */
export async function policyWith(digest: string, read: Read): Promise<Policy> {
  return documents.withDigest(digest, read);
}
