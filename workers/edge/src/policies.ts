// Finds the edge policy in force. A feed of the metadata API contains the digests of the latest policies, with the
// newest first. Without a feed document, the worker reads the digests from an entry in the key-value store. The
// policies are immutable objects at the origin (contract/edge_policies.py).

import { sha256 } from "./digest";
import { type Current, Feed } from "./feed";
import { InvalidPolicy } from "./fields";
import { parsePolicy, type Policy } from "./policy";
import { Unavailable } from "./unavailable";

export interface NamedPolicy {
  digest: string;
  policy: Policy;
}

export type Digests = readonly string[];

/** Fetches an object by its key. Returns undefined when no shield answers. */
export type Read = (key: string) => Promise<Response | undefined>;

export const POLICIES_ENTRY = "edge-policy"; // the key in the key-value store
export const policiesFeed = new Feed("edge-policy", parseDigests);

const UNREADABLE = "the edge policy cannot be read right now";
const FRESH_MILLISECONDS = 2_000; // how long an isolate uses the entry in the key-value store before it reads it again
const KEPT = 8; // the most valid policies, and the most invalid ones, that an isolate keeps in memory

const valid = new Map<string, Policy>();
const invalid = new Map<string, true>();
let last: NamedPolicy | undefined;
let entry: { digests: Digests; until: number } | undefined;

/** Returns the digests in a feed document or an entry. Throws an error for invalid fields. */
export function parseDigests({ policies }: Record<string, unknown>): Digests {
  const isDigest = (digest: unknown): digest is string => typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest);
  if (!Array.isArray(policies) || !policies.every(isDigest)) throw new Error("no policies");
  return policies;
}

/**
 * Returns the digests of the latest policies. `readEntry` returns the text of the entry in the key-value store, or
 * null. Throws `Unavailable` when neither the feed nor the store has the digests.
 */
export async function latestPolicies(
  { document }: Current<Digests>,
  readEntry: () => Promise<string | null>,
  now: number,
): Promise<Digests> {
  if (document !== undefined) return document;
  if (entry !== undefined && entry.until > now) return entry.digests;
  try {
    const text = await readEntry();
    const digests = text === null ? [] : parseDigests(JSON.parse(text) as Record<string, unknown>);
    entry = { digests, until: now + FRESH_MILLISECONDS };
  } catch {
    if (entry === undefined) throw new Unavailable(UNREADABLE);
  }
  return entry.digests;
}

/**
 * Returns the newest valid policy among those with these digests, or undefined when there are none. While the newest
 * one cannot be read, the isolate's last policy stays in force. Throws `Unavailable` when the isolate has none.
 */
export async function policyInForce(digests: Digests, read: Read): Promise<NamedPolicy | undefined> {
  if (digests.length === 0) return (last = undefined);
  for (const digest of digests) {
    try {
      return (last = { digest, policy: await policyWith(digest, read) });
    } catch (error) {
      if (error instanceof InvalidPolicy) continue;
      if (error instanceof Unavailable && last !== undefined) return last;
      throw error;
    }
  }
  if (last === undefined) throw new Unavailable(UNREADABLE);
  return last;
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
    if (error instanceof InvalidPolicy || error instanceof Unavailable) return inForce;
    throw error;
  }
}

/** Returns whether the newest of the policies is the one in force: the isolate can read it, and it is valid. */
export async function isNewestInForce(digests: Digests, read: Read): Promise<boolean> {
  try {
    return (await policyInForce(digests, read))?.digest === digests[0];
  } catch (error) {
    if (error instanceof Unavailable) return false;
    throw error;
  }
}

/** Returns the policy with a digest. Throws `InvalidPolicy`, or `Unavailable` when the policy cannot be read. */
export async function policyWith(digest: string, read: Read): Promise<Policy> {
  const known = valid.get(digest);
  if (known !== undefined) return known;
  if (invalid.has(digest)) throw new InvalidPolicy(digest);
  const answer = await read(`edge-policies/${digest}.json`);
  if (answer?.status !== 200) {
    await answer?.body?.cancel();
    throw new Unavailable(UNREADABLE);
  }
  const text = await answer.text();
  try {
    if ((await sha256(text)) !== digest) throw new InvalidPolicy("the document has another digest");
    const policy = parsePolicy(text);
    remember(valid, digest, policy);
    return policy;
  } catch (error) {
    if (error instanceof InvalidPolicy) report(digest, error);
    throw error;
  }
}

/** Logs that a policy is invalid, and keeps this result in memory. */
function report(digest: string, { message }: InvalidPolicy): void {
  remember(invalid, digest, true);
  console.error(JSON.stringify({ event: "edge-policy-invalid", policy: digest, reason: message }));
}

function remember<T>(kept: Map<string, T>, digest: string, value: T): void {
  if (kept.size >= KEPT) kept.delete(kept.keys().next().value ?? "");
  kept.set(digest, value);
}
