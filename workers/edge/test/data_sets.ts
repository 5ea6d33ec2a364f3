// Encodes data sets of advisories as the registry does (contract/advisories.py).

import { createHash } from "node:crypto";

/**
 * An encoded data set of advisories. `index` is its index as a JSON string, and `digest` is the digest of this string.
 * `objects` maps object keys to the contents of the index and of the shards, the parts of the data set.
 */
export interface EncodedDataSet {
  index: string;
  digest: string;
  objects: Map<string, string>;
}

const BITS = 1024;

export function encodedDataSet(packages: Record<string, unknown>): EncodedDataSet {
  const filter = new Uint8Array(BITS / 8);
  const byShard = new Map<number, Record<string, unknown>>();
  for (const [key, advisories] of Object.entries(packages)) {
    const hash = createHash("sha256").update(key).digest();
    for (let word = 0; word < 8; word++) {
      const bit = hash.readUInt32BE(4 * word) % BITS;
      filter[bit >> 3]! |= 1 << (bit & 7);
    }
    byShard.set(hash[0]!, { ...byShard.get(hash[0]!), [key]: advisories });
  }
  const objects = new Map<string, string>();
  const shards = Array<string>(256).fill("");
  for (const [number, listed] of byShard) {
    const text = JSON.stringify({ version: 1, packages: listed });
    shards[number] = createHash("sha256").update(text).digest("hex");
    objects.set(`advisories/shards/${shards[number]}.json`, text);
  }
  const index = JSON.stringify({ version: 1, shards, filter: Buffer.from(filter).toString("base64"), counts: {} });
  const digest = createHash("sha256").update(index).digest("hex");
  objects.set(`advisories/${digest}.json`, index);
  return { index, digest, objects };
}
