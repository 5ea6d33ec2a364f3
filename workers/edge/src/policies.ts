// Finds the edge policy in force. A feed of the metadata API contains the digests of the latest policies and of the latest
// data sets of advisories, with the newest first. Without a feed document, the worker reads the digests from an entry in
// the key-value store. The policies are immutable objects at the origin (contract/edge_policies.py).

import { type Current, Feed } from "./feed";
import { InvalidDocument } from "./fields";
import { parsePolicy, type Policy } from "./policy";
import { Unavailable } from "./unavailable";
import { type Digests, type Read, VersionedDocuments } from "./versioned_documents";

export interface NamedPolicy {
  digest: string;
  policy: Policy;
}

/** The digests of the latest policies and of the latest data sets of advisories, the newest first. */
export interface Latest {
  policies: Digests;
  advisories: Digests;
}

// the key of the entry in the key-value store that names the latest policies
export const POLICIES_ENTRY = "edge-policy";
export const policiesFeed = new Feed("edge-policy", parseDigests);

const UNREADABLE = "the edge policy cannot be read right now";
const FRESH_MILLISECONDS = 2_000; // how long an isolate uses the entry in the key-value store before it reads it again

const documents = new VersionedDocuments("edge-policy", UNREADABLE, (digest) => `edge-policies/${digest}.json`, parsePolicy);
let entry: { latest: Latest; until: number } | undefined;

/** Returns the digests in a feed document or an entry. Throws an error for invalid fields. */
export function parseDigests({ policies, advisories = [] }: Record<string, unknown>): Latest {
  if (!areDigests(policies) || !areDigests(advisories)) throw new Error("no policies");
  return { policies, advisories };
}

function areDigests(given: unknown): given is string[] {
  return Array.isArray(given) && given.every((digest) => typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest));
}

/**
 * Returns the latest digests. `readEntry` returns the text of the entry in the key-value store, or null. Throws
 * `Unavailable` when neither the feed nor the store has the digests.
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
 * Returns the newest valid policy among those with these digests, or undefined when there are none. While the newest
 * one cannot be read, the isolate's last policy stays in force. Throws `Unavailable` when the isolate has none.
 */
export async function policyInForce(digests: Digests, read: Read): Promise<NamedPolicy | undefined> {
  const found = await documents.inForce(digests, read);
  return found && { digest: found.digest, policy: found.value };
}

/**
 * Returns the policy whose rules apply to a client, with the digest that its variant names. While that policy cannot be
 * read, and if it is invalid, the policy in force applies.
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

/** Returns whether the newest of the policies is the one in force: the isolate can read it, and it is valid. */
export async function isNewestInForce(digests: Digests, read: Read): Promise<boolean> {
  return documents.isNewestInForce(digests, read);
}

/** Returns the policy with a digest. Throws `InvalidDocument`, or `Unavailable` when the policy cannot be read. */
export async function policyWith(digest: string, read: Read): Promise<Policy> {
  return documents.withDigest(digest, read);
}
