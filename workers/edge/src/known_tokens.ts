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
import { sipHash } from "./siphash";

// The maximum number of tokens whose digests an isolate remembers. The digests and their indexes take 2 MB.
const REMEMBERED = 10_000;
// The maximum length of an Authorization header in characters. The isolate remembers no token from a longer header.
// Headers of npm, pip and image clients with a token are shorter. A limit is necessary, because a client may send a
// header of many KB.
const LONGEST = 256;
const ASCII = /^[\0-\x7f]*$/;

export class KnownTokens {
  readonly #digests = new Map<string, string>();
  // The secret key of the hash. The isolate creates the key while it handles a request, because the runtime generates
  // no random numbers at other times.
  #key: Int32Array | undefined;

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
    if (header.length > LONGEST || !ASCII.test(header)) return undefined;
    this.#key ??= crypto.getRandomValues(new Int32Array(4));
    return sipHash(this.#key, header);
  }
}
