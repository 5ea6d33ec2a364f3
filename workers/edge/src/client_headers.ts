// Builds the headers of responses to clients. The input is the response that the worker gets from L1, the cache at the
// edge.

import { BYPASS_HEADER, PREDICTED_HEADER } from "./l1";
import { originCaching } from "./prefetched_lifetime";
import type { ObjectRoute } from "./routes";

type Answer = Pick<Response, "headers" | "status">;
/** The headers for clients depend on these properties of a route. */
type Described = Pick<ObjectRoute, "ecosystem" | "negotiated" | "digest">;

/**
 * The names of two headers that keep the values of X-Cache and Server-Timing from the response of a shield (a regional
 * cache). They belong to objects that L1, the cache at the edge, stores with the headers that clients get after a hit
 * (finished_answers.ts). After a miss in L1, clients get the kept values.
 */
export const BELOW_HEADER = "x-artifact-edge-below";
export const BELOW_TIMING_HEADER = "x-artifact-edge-below-timing";

const PRIVATE = "private";
const RETURNED_HEADERS = [
  "accept-ranges",
  "age",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "etag",
  "last-modified",
];
const OF_A_BODY = ["accept-ranges", "content-encoding", "content-length", "content-range", "content-type"];
const HEADERS_WITHOUT_BODY = RETURNED_HEADERS.filter((name) => !OF_A_BODY.includes(name));
// The entries of an object's metadata that clients get as headers (docs/publish-to-visible.md).
const DOCUMENT_METADATA = ["revision", "published"];

/** Returns whether the Cache-Control header of an answer marks the object as immutable. */
export function isImmutable({ headers }: Pick<Response, "headers">): boolean {
  return /\bimmutable\b/.test(headers.get("cache-control") ?? "");
}

/**
 * Returns the response headers for the client. They name the cache or origin that answered. `milliseconds` is how long
 * the worker waited for the answer.
 */
export function headersOf(route: Described, answer: Answer, milliseconds: number): Record<string, string> {
  const headers = clientHeaders(route, answer);
  const verdict = cacheVerdict(answer);
  headers["x-cache"] = verdict;
  // A copy in L1, the cache at the edge, has the Server-Timing of an earlier request: the request that stored the copy.
  // This old duration says nothing about the current request, so the worker leaves it out.
  const below = verdict.startsWith("edge; ") ? null : answer.headers.get(isFinished(answer) ? BELOW_TIMING_HEADER : "server-timing");
  headers["server-timing"] = below === null ? timing(milliseconds) : `${below}, ${timing(milliseconds)}`;
  return headers;
}

/**
 * Returns whether an answer of L1, the cache at the edge, already has the headers that clients get after a hit
 * (finished_answers.ts).
 */
function isFinished({ headers }: Pick<Response, "headers">): boolean {
  return headers.has(BELOW_HEADER);
}

/**
 * Returns whether the worker can send a whole object from L1, the cache at the edge, to the client unchanged. The answer
 * must be a hit, and the copy in L1 must have the headers for clients. The function recognizes such a copy by the
 * directive `private`, which no other copy has.
 */
export function isForClients({ headers }: Pick<Response, "headers">): boolean {
  return headers.get("cf-cache-status") === "HIT" && headers.get("cache-control")?.startsWith(PRIVATE) === true;
}

function timing(milliseconds: number): string {
  return `edge;dur=${milliseconds}`;
}

/** Returns the response headers for the client, without `x-cache` and `server-timing`. */
export function clientHeaders(route: Described, answer: Answer): Record<string, string> {
  const { headers: given, status } = answer;
  // The headers are a plain object, because each call of a method of Headers costs the isolate more than the assignment
  // of a field.
  const headers: Record<string, string> = {};
  const returned = status === 304 ? HEADERS_WITHOUT_BODY : RETURNED_HEADERS;
  for (const name of returned) copyHeader(given, name, headers, name);
  if (status !== 304) headers["accept-ranges"] = "bytes";
  // Without `private`, a shared cache on the way to the client would serve the package to all (RFC 9111, section 3.5).
  headers["cache-control"] = originCaching(answer)?.replace(/\bpublic\b/, PRIVATE) ?? `${PRIVATE}, no-store`;
  if (route.negotiated) headers["vary"] = "Accept";
  if (route.ecosystem === "oci") {
    headers["docker-distribution-api-version"] = "registry/2.0";
    const digest = given.get("x-amz-meta-digest") ?? route.digest;
    if (digest !== undefined) headers["docker-content-digest"] = digest;
  }
  for (const name of DOCUMENT_METADATA) copyHeader(given, `x-amz-meta-${name}`, headers, `x-artifact-edge-${name}`);
  return headers;
}

function copyHeader(from: Headers, name: string, to: Record<string, string>, as: string): void {
  const value = from.get(name);
  if (value !== null) to[as] = value;
}

/**
 * Returns the value of the header `x-cache`: the cache or origin that sent the body, and whether the answer was a hit.
 * Workers Cache marks hits in L1 with the header cf-cache-status.
 */
export function cacheVerdict(answer: Pick<Response, "headers">): string {
  const verdict = answer.headers.get("cf-cache-status");
  if (verdict === "HIT" || verdict === "REVALIDATED") return answer.headers.has(PREDICTED_HEADER) ? "edge; hit; predicted" : "edge; hit";
  if (verdict === "STALE" || verdict === "UPDATING") return "edge; stale";
  const below = answer.headers.get(BELOW_HEADER) ?? answer.headers.get("x-cache") ?? "origin; miss";
  return answer.headers.has(BYPASS_HEADER) ? `${below}; edge=bypass` : below;
}
