// Signs requests between the worker and other tiers, and checks the signatures. A signature is an HMAC over the time
// and the body (docs/contracts.md, "Between the tiers").

export const SIGNATURE_HEADER = "x-artifact-edge-signature";
const SIGNATURE_SECONDS = 60; // the maximum difference between the times of signing and checking a request
const ALGORITHM = { name: "HMAC", hash: "SHA-256" };
const encoder = new TextEncoder();

/** Returns the value of the signature header for a body. `now` is the time of sending, in milliseconds since 1970. */
export async function signatureOf(body: string, key: string, now: number): Promise<string> {
  const time = Math.floor(now / 1000);
  const mac = new Uint8Array(await crypto.subtle.sign(ALGORITHM.name, await imported(key, "sign"), signedText(time, body)));
  return `t=${time},v1=${[...mac].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Returns whether the signature fits this body and this key, and was made at most SIGNATURE_SECONDS before or after
 * `now`.
 */
export async function isSigned(signature: string | null, body: string, key: string, now: number): Promise<boolean> {
  const [, time, mac] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(signature ?? "") ?? [];
  if (time === undefined || mac === undefined || Math.abs(now / 1000 - Number(time)) > SIGNATURE_SECONDS) return false;
  const bytes = Uint8Array.from(mac.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  return crypto.subtle.verify(ALGORITHM.name, await imported(key, "verify"), bytes, signedText(Number(time), body));
}

function imported(key: string, usage: "sign" | "verify"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", encoder.encode(key), ALGORITHM, false, [usage]);
}

function signedText(time: number, body: string): ReturnType<TextEncoder["encode"]> {
  return encoder.encode(`${time}.${body}`);
}
