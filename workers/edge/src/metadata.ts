// Queries the metadata API for a token that has no entry in the edge's key-value store. The API requires a signature
// (workers/entitlements/lookup.py).

import { SIGNATURE_HEADER, signatureOf } from "./signatures";

export interface MetadataApi {
  url: string;
  key: string;
}

const TIMEOUT_MILLISECONDS = 2_000;
// The most simultaneous requests of one isolate to the metadata API. Without the limit, a client that guesses tokens
// could use up all connections.
const MAX_IN_FLIGHT = 20;

let inFlight = 0;

/** Returns the token's entry, undefined when no such token exists, or "unknown" when the API gives no answer. */
export async function queryToken(api: MetadataApi, digest: string): Promise<string | undefined | "unknown"> {
  if (inFlight >= MAX_IN_FLIGHT) return "unknown";
  inFlight += 1;
  try {
    const answer = await fetch(api.url, await signedRequest(api.key, digest));
    const text = await answer.text();
    if (answer.status === 200) return text;
    return answer.status === 404 ? undefined : "unknown";
  } catch {
    return "unknown";
  } finally {
    inFlight -= 1;
  }
}

async function signedRequest(key: string, digest: string): Promise<RequestInit> {
  const body = JSON.stringify({ digest });
  const signature = await signatureOf(body, key, Date.now());
  return {
    method: "POST",
    body,
    headers: { "content-type": "application/json", [SIGNATURE_HEADER]: signature },
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
  };
}
