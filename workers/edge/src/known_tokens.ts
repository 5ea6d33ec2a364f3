// Remembers the digests of the tokens in recent requests. Without this memory, the SHA-256 digest of a token would take
// a tenth of the processor time of a hit in L1, the cache at the edge.
//
// The isolate does not keep the tokens themselves. It finds a digest by the SipHash value of the request's
// Authorization header. The key of this hash is random, differs between isolates and never leaves the isolate. Without
// the key, nobody can construct two headers with the same value, or check with a value whether a guessed token is
// right. The value has 128 bits, so two headers have the same value by chance as rarely as somebody guesses a token. A
// digest alone grants no access: the worker looks up the token's entry and the recent revocations for each request.
//
// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF".

import { setBounded } from "./bounded_map";
import siphash from "./siphash.js";

// The maximum number of tokens whose digests an isolate remembers. The digests and their indexes take 2 MB.
const REMEMBERED = 10_000;
// The maximum length of an Authorization header in characters. The isolate remembers no token from a longer header.
// Headers of npm, pip and image clients with a token are shorter. A limit is necessary, because a client may send a
// header of many KB.
const LONGEST = 256;
const LAST_ASCII = 0x7f;
const LOW = 0xffff; // the low half of a number of 32 bits

export class KnownTokens {
  readonly #digests = new Map<string, string>();
  // The secret key of the hash. The isolate creates the key while it handles a request, because the runtime generates
  // no random numbers at other times.
  #key: Uint32Array | undefined;

  /** Returns the digest that `remember` stored for an Authorization header, or undefined for any other header. */
  digestOf(header: string | null): string | undefined {
    const index = header === null ? undefined : this.#indexOf(header);
    return index === undefined ? undefined : this.#digests.get(index);
  }

  /** Remembers the digest of the token in an Authorization header. The caller has found the token to be valid. */
  remember(header: string | null, digest: string): void {
    const index = header === null ? undefined : this.#indexOf(header);
    if (index === undefined || this.#digests.has(index)) return;
    setBounded(this.#digests, index, digest, REMEMBERED);
  }

  #indexOf(header: string): string | undefined {
    if (header.length > LONGEST) return undefined;
    const bytes = new Uint8Array(header.length);
    for (let at = 0; at < bytes.length; at += 1) {
      const code = header.charCodeAt(at);
      if (code > LAST_ASCII) return undefined;
      bytes[at] = code;
    }
    this.#key ??= crypto.getRandomValues(new Uint32Array(4));
    return textOf(siphash.hash(this.#key, bytes));
  }
}

/**
 * Returns a string with all bits of a hash: 8 characters for the 4 numbers of 32 bits. Decimal digits would take a
 * sixth of the time that the hash takes.
 */
function textOf({ 0: a = 0, 1: b = 0, 2: c = 0, 3: d = 0 }: Uint32Array): string {
  return String.fromCharCode(a & LOW, a >>> 16, b & LOW, b >>> 16, c & LOW, c >>> 16, d & LOW, d >>> 16);
}
