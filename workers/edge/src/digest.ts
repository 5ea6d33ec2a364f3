// Computes SHA-256 digests, with the crypto module of Node.js that the runtime has. Web Crypto's digest() makes a
// promise and a buffer for each call. For a short text such as a token, these take more time than the computation of
// the digest.
// Source: developers.cloudflare.com/workers/runtime-apis/nodejs/crypto.

import { createHash } from "node:crypto";

/** Returns the SHA-256 digest of a text, in hex. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
