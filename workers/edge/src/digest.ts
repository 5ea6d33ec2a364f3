// Computes SHA-256 digests with the runtime's version of the Node.js module `crypto`. Web Crypto's digest() creates a
// promise and a buffer for each call. For a short string such as a token, this takes more time than the digest itself.
//
// Source: developers.cloudflare.com/workers/runtime-apis/nodejs/crypto.

import { createHash } from "node:crypto";

/** Returns the SHA-256 digest of a string, in hex. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
