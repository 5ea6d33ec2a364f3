// Computes SHA-256 digests.

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const encoder = new TextEncoder();

/** Returns the SHA-256 digest of a text, in hex. */
export async function sha256(text: string): Promise<string> {
  let hex = "";
  for (const byte of new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)))) hex += HEX[byte]!;
  return hex;
}
