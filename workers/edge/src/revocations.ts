// The feed of recent revocations of tokens and withdrawals of objects. The worker applies a change from this feed even
// while its key-value store does not show the change yet (contract/revocations.py).

import { Feed } from "./feed";

/** A token's record after its last change: its version, and whether the token is revoked. */
export interface TokenChange {
  revision: number;
  revoked: boolean;
}

export interface Revocations {
  tokens: ReadonlyMap<string, TokenChange>; // maps a token's digest to the token's latest change
  objects: ReadonlySet<string>; // keys of withdrawn objects
}

/**
 * The value that the worker uses while it has no feed document: no revocation and no withdrawal. With this value, only
 * the key-value store decides which tokens and objects the worker refuses.
 */
export const NO_REVOCATIONS: Revocations = { tokens: new Map(), objects: new Set() };

export const revocationsFeed = new Feed("revocations", parseRevocations);

/** Returns the revocations in the fields of a feed document. Throws an error for invalid fields. */
export function parseRevocations(fields: Record<string, unknown>): Revocations {
  const { tokens, objects } = fields;
  if (!isRecord(tokens) || !Array.isArray(objects)) throw new Error("no tokens or objects");
  const changes = Object.entries(tokens).map(([digest, change]): [string, TokenChange] => {
    if (!isRecord(change) || typeof change["revision"] !== "number") throw new Error("a token without a revision");
    return [digest, { revision: change["revision"], revoked: change["revoked"] === true }];
  });
  if (!objects.every((key) => typeof key === "string")) throw new Error("an object without a key");
  return { tokens: new Map(changes), objects: new Set(objects as string[]) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
