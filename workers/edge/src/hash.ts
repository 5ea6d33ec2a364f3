// A fast hash that orders the shields (regional caches) for an object and assigns clients to the variants of
// experiments. All isolates compute the same hash of a string. The hash is not cryptographic, so it must not be used
// for security.

/**
 * Returns a 32-bit hash of a string: FNV-1a, followed by the final mix of MurmurHash3. Because of the final mix, the
 * hashes of similar strings differ widely.
 */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
