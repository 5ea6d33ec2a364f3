// Queries the metadata API for feed documents, and for tokens that have no current entry in the edge's key-value store.
// The API requires a signature (workers/entitlements/protocol.py).

import { SIGNATURE_HEADER, signatureOf } from "./signatures";

export interface MetadataApi {
  url: string;
  key: string;
}

const TIMEOUT_MILLISECONDS = 2_000;
// shorter than `WAIT_MILLISECONDS`, the time that a request waits for a feed document (feed.ts)
const FEED_TIMEOUT_MILLISECONDS = 1_500;
// The maximum number of simultaneous requests of one isolate to the metadata API. Without the limit, a client that
// guesses tokens could use up all connections.
const MAX_IN_FLIGHT = 20;

let inFlight = 0;

/**
 * Requests a token's entry from the metadata API. Returns the entry, undefined if no such token exists, or "unknown" if
 * the API does not answer.
 */
export async function queryToken(api: MetadataApi, digest: string): Promise<string | undefined | "unknown"> {
  if (inFlight >= MAX_IN_FLIGHT) return "unknown";
  inFlight += 1;
  try {
    const answer = await fetch(api.url, await signedRequest(api.key, { digest }, TIMEOUT_MILLISECONDS));
    const text = await answer.text();
    if (answer.status === 200) return text;
    return answer.status === 404 ? undefined : "unknown";
  } catch {
    return "unknown";
  } finally {
    inFlight -= 1;
  }
}

/** Returns the metadata API's answer with a feed document, or undefined if the API does not return the document. */
export async function queryFeed(api: MetadataApi, feed: string): Promise<Response | undefined> {
  try {
    const answer = await fetch(api.url, await signedRequest(api.key, { feed }, FEED_TIMEOUT_MILLISECONDS));
    if (answer.status === 200) return answer;
    await answer.body?.cancel();
  } catch {
    // The metadata API has not answered. The function returns undefined, as it does for an error status.
  }
  return undefined;
}

async function signedRequest(key: string, question: Record<string, string>, timeout: number): Promise<RequestInit> {
  const body = JSON.stringify(question);
  const signature = await signatureOf(body, key, Date.now());
  return {
    method: "POST",
    body,
    headers: { "content-type": "application/json", [SIGNATURE_HEADER]: signature },
    redirect: "manual",
    signal: AbortSignal.timeout(timeout),
  };
}
