// Lets L1, the cache at the edge, store immutable objects with exactly the headers that clients get. The worker can
// then send a hit to the client without changes. Documents are not stored in this way, because their headers vary
// between clients.

import { BELOW_HEADER, BELOW_TIMING_HEADER, clientHeaders, isImmutable } from "./client_headers";
import { PREDICTED_HEADER } from "./l1";
import { digestIn, subjectOf } from "./subjects";

// The name of the header that Workers Cache obeys in place of Cache-Control, and that it does not forward
// (developers.cloudflare.com/workers/cache/configuration, "Header precedence").
const L1_CACHING_HEADER = "cloudflare-cdn-cache-control";
// If a shield's response has one of these headers, L1, the cache at the edge, stores the response without the headers
// for clients. The worker must then process each hit: it reads x-amz-meta-next itself, and sends the other two headers
// to clients under other names.
const METADATA = ["x-amz-meta-next", "x-amz-meta-published", "x-amz-meta-revision"];

/**
 * Returns the headers with which L1, the cache at the edge, stores an immutable artifact. They include the headers that
 * clients get after a hit in L1. Returns undefined if the object is not an immutable artifact, or if the worker must
 * process each hit itself. `given` and `status` are the headers and the status of the shield's response.
 */
export function finishedHeaders(
  key: string,
  status: number,
  given: Headers,
  isPrefetch: boolean,
): Record<string, string> | undefined {
  const subject = subjectOf(key);
  if (subject === undefined || subject.kind === "document" || !isImmutable({ headers: given })) return undefined;
  if (METADATA.some((name) => given.has(name))) return undefined;
  const digest = digestIn(key);
  const route = { ecosystem: subject.ecosystem, negotiated: false, ...(digest === undefined ? {} : { digest }) };
  const [date, timing] = [given.get("date"), given.get("server-timing")];
  return {
    ...clientHeaders(route, { headers: given, status }),
    ...(date === null ? {} : { date }),
    ...(timing === null ? {} : { [BELOW_TIMING_HEADER]: timing }),
    ...(isPrefetch ? { [PREDICTED_HEADER]: "1" } : {}),
    [BELOW_HEADER]: given.get("x-cache") ?? "origin; miss",
    [L1_CACHING_HEADER]: given.get("cache-control") ?? "",
    "server-timing": "edge;desc=hit",
    "x-cache": isPrefetch ? "edge; hit; predicted" : "edge; hit",
  };
}
