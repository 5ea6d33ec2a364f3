// Finds which version of the edge policy, or of the vulnerability advisories, the worker applies. The versions are
// immutable objects at the origin, named by their digests.

import { setBounded } from "./bounded_map";
import { sha256 } from "./digest";
import { InvalidDocument } from "./fields";
import { Unavailable } from "./unavailable";

export type Digests = readonly string[];

/** Fetches an object by its key. Returns undefined when no shield (a regional cache) answers. */
export type Read = (key: string) => Promise<Response | undefined>;

export interface Named<T> {
  digest: string;
  value: T;
}

const KEPT = 8; // the maximum number of valid documents, and of invalid documents, that the isolate remembers

/**
 * Finds the newest valid version of a document, such as the edge policy. `kind` is the name of such documents in error
 * logs. `what` is the error message for clients if no version can be read.
 */
export class VersionedDocuments<T> {
  readonly #valid = new Map<string, T>();
  readonly #invalid = new Map<string, true>();
  #last: Named<T> | undefined;

  /** `parse` parses the text of a document, and throws `InvalidDocument` if the text is not a valid document. */
  constructor(
    private readonly kind: string,
    private readonly what: string,
    private readonly keyOf: (digest: string) => string,
    private readonly parse: (text: string) => T,
  ) {}

  /**
   * `digests` lists the digests of a document's versions. Returns the newest valid version in this list, or undefined
   * for an empty list. If a version cannot be read, or if none is valid, returns the version that the isolate applied
   * last. Throws `Unavailable` if the isolate has applied no version yet.
   */
  async inForce(digests: Digests, read: Read): Promise<Named<T> | undefined> {
    if (digests.length === 0) return (this.#last = undefined);
    for (const digest of digests) {
      try {
        return (this.#last = { digest, value: await this.withDigest(digest, read) });
      } catch (error) {
        if (error instanceof InvalidDocument) continue;
        if (error instanceof Unavailable && this.#last !== undefined) return this.#last;
        throw error;
      }
    }
    if (this.#last === undefined) throw new Unavailable(this.what);
    return this.#last;
  }

  /**
   * Returns whether the worker applies the newest version of a document. `digests` lists the digests of the document's
   * versions, the newest first. The worker applies an older version if the newest version is invalid or cannot be read.
   */
  async isNewestInForce(digests: Digests, read: Read): Promise<boolean> {
    try {
      return (await this.inForce(digests, read))?.digest === digests[0];
    } catch (error) {
      if (error instanceof Unavailable) return false;
      throw error;
    }
  }

  /**
   * Returns the document with this digest. Throws `InvalidDocument` if the document is invalid, and `Unavailable` if it
   * cannot be read.
   */
  async withDigest(digest: string, read: Read): Promise<T> {
    const known = this.#valid.get(digest);
    if (known !== undefined) return known;
    if (this.#invalid.has(digest)) throw new InvalidDocument(digest);
    try {
      const value = this.parse(await verifiedText(this.keyOf(digest), digest, this.what, read));
      setBounded(this.#valid, digest, value, KEPT);
      return value;
    } catch (error) {
      if (error instanceof InvalidDocument) this.#report(digest, error);
      throw error;
    }
  }

  /** Logs that a document is invalid. The isolate remembers this, so the worker does not read the document again. */
  #report(digest: string, { message }: InvalidDocument): void {
    setBounded(this.#invalid, digest, true, KEPT);
    console.error(JSON.stringify({ event: `${this.kind}-invalid`, policy: digest, reason: message }));
  }
}

/**
 * Returns the text of the object `key`. Throws `InvalidDocument` if the SHA-256 digest of the text is not `digest`.
 * Throws `Unavailable` with the message `what` if the object cannot be read.
 */
export async function verifiedText(key: string, digest: string, what: string, read: Read): Promise<string> {
  const answer = await read(key);
  if (answer?.status !== 200) {
    await answer?.body?.cancel();
    throw new Unavailable(what);
  }
  // the promise rejects if a shield fails while it sends the object
  const text = await answer.text().catch(() => Promise.reject(new Unavailable(what)));
  if (sha256(text) !== digest) throw new InvalidDocument("the document has another digest");
  return text;
}
