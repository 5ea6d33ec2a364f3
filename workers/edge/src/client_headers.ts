// Builds the headers of responses to clients from the headers of L1's answers. The runtime copies an existing Headers
// object in a third of the time that it takes to make a new one from names and values. The isolate therefore keeps the
// Headers of immutable objects that clients have requested twice. These Headers contain nothing that belongs to one
// client.

import { BYPASS_HEADER, PREDICTED_HEADER } from "./l1";
import { originCaching } from "./prefetched_lifetime";
import type { ObjectRoute } from "./routes";

type Answer = Pick<Response, "headers" | "status">;

/**
 * The headers for clients that the worker computed for one object, and keeps for the next response. `version`
 * identifies the version of the object.
 */
interface Finished {
  version: string;
  age: string | null;
  milliseconds: number;
  headers: Headers;
}

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
// the maximum number of objects whose response headers an isolate keeps; the headers of all of them take some 2 MB
const KEPT = 2_000;

// Maps the key of each requested object to response headers. The worker keeps the headers of immutable objects, from
// the second request for an object on. Otherwise, the value is undefined.
const kept = new Map<string, Finished | undefined>();

/**
 * Returns the response headers for the client. They name the tier that answered. `milliseconds` is how long the worker
 * waited for L1. The caller must copy the result before the next call, which may change it.
 */
export function headersOf(route: ObjectRoute, answer: Answer, milliseconds: number): Headers | Record<string, string> {
  const verdict = cacheVerdict(answer);
  const version = versionOf(route, answer, verdict);
  if (version === undefined) return built(route, answer, verdict, milliseconds);
  const known = kept.get(route.key);
  if (known?.version === version) return updated(known, answer.headers.get("age"), milliseconds);
  const headers = built(route, answer, verdict, milliseconds);
  const isKept = kept.has(route.key) && isImmutable(answer) && headers["content-encoding"] === undefined;
  if (kept.size >= KEPT) kept.delete(kept.keys().next().value ?? "");
  const age = headers["age"] ?? null;
  kept.set(route.key, isKept ? { version, age, milliseconds, headers: new Headers(headers) } : undefined);
  return headers;
}

/** Returns the headers of an earlier response, with the headers Age and Server-Timing of the current response. */
function updated(finished: Finished, age: string | null, milliseconds: number): Headers {
  const { headers } = finished;
  if (age !== finished.age) {
    finished.age = age;
    if (age === null) headers.delete("age");
    else headers.set("age", age);
  }
  if (milliseconds !== finished.milliseconds) {
    finished.milliseconds = milliseconds;
    headers.set("server-timing", timing(milliseconds));
  }
  return headers;
}

/**
 * Returns a text that identifies the headers for a client. Two answers with the same text have the same headers, apart
 * from the age. Returns undefined if the isolate must not keep the headers.
 */
function versionOf(route: ObjectRoute, { headers, status }: Answer, verdict: string): string | undefined {
  if (status !== 200 || route.negotiated || !verdict.startsWith("edge; hit")) return undefined;
  const etag = headers.get("etag");
  return etag === null ? undefined : `${etag} ${headers.get("last-modified")} ${headers.get("content-length")} ${verdict}`;
}

/** Returns whether an answer says that its object never changes. */
export function isImmutable({ headers }: Pick<Response, "headers">): boolean {
  return /\bimmutable\b/.test(headers.get("cache-control") ?? "");
}

function built(route: ObjectRoute, answer: Answer, verdict: string, milliseconds: number): Record<string, string> {
  const headers = clientHeaders(route, answer);
  headers["x-cache"] = verdict;
  // A copy in the cache L1 has the header Server-Timing of an earlier request, which stored the copy. The worker drops
  // this old header.
  const below = verdict.startsWith("edge; ") ? null : answer.headers.get("server-timing");
  headers["server-timing"] = below === null ? timing(milliseconds) : `${below}, ${timing(milliseconds)}`;
  return headers;
}

function timing(milliseconds: number): string {
  return `edge;dur=${milliseconds}`;
}

/** Returns the response headers for the client, except for those that depend on the tier that answered. */
export function clientHeaders(route: ObjectRoute, answer: Answer): Record<string, string> {
  const { headers: given, status } = answer;
  // The headers are a plain object, because each call of a method of Headers costs the isolate more than the assignment
  // of a field.
  const headers: Record<string, string> = {};
  const returned = status === 304 ? HEADERS_WITHOUT_BODY : RETURNED_HEADERS;
  for (const name of returned) copyHeader(given, name, headers, name);
  if (status !== 304) headers["accept-ranges"] = "bytes";
  // Without `private`, a shared cache on the way to the client would serve the package to all (RFC 9111, section 3.5).
  headers["cache-control"] = originCaching(answer)?.replace(/\bpublic\b/, "private") ?? "private, no-store";
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
 * Returns the value of the header `x-cache`: the tier that sent the body, and whether this was a hit. Workers Cache
 * marks hits in L1 with the header cf-cache-status.
 */
export function cacheVerdict(answer: Pick<Response, "headers">): string {
  const verdict = answer.headers.get("cf-cache-status");
  if (verdict === "HIT" || verdict === "REVALIDATED") return answer.headers.has(PREDICTED_HEADER) ? "edge; hit; predicted" : "edge; hit";
  if (verdict === "STALE" || verdict === "UPDATING") return "edge; stale";
  const below = answer.headers.get("x-cache") ?? "origin; miss";
  return answer.headers.has(BYPASS_HEADER) ? `${below}; edge=bypass` : below;
}
