// Fetches an object from L1 under the client's conditions, and builds the client's response without internal headers.

import { type Conditions, forwarded, rangeIn, type Verdict, verdictOn } from "./conditions";
import { BYPASS_HEADER, type L1, PREDICTED_HEADER } from "./l1";
import { isFromMemory } from "./memory";
import { boundsOf, partOf } from "./partial_content";
import type { ObjectRoute } from "./routes";

const RETURNED_HEADERS = [
  "accept-ranges",
  "age",
  "cache-control",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "etag",
  "last-modified",
];
const OF_A_BODY = ["accept-ranges", "content-encoding", "content-length", "content-range", "content-type"];
const HEADERS_WITHOUT_BODY = RETURNED_HEADERS.filter((name) => !OF_A_BODY.includes(name));
const DOCUMENT_METADATA = ["revision", "published"]; // docs/publish-to-visible.md

/**
 * Returns the answer to the client's request: 200, 206, 304, 404, 412 or 416. Returns undefined when no shield answers.
 */
export async function fetchObject(
  route: ObjectRoute,
  method: string,
  conditions: Conditions,
  l1: L1,
): Promise<Response | undefined> {
  const first = await l1(route.key, method, forwarded(conditions));
  if (first?.status === 200 && isUnconditional(conditions)) return first;
  if (first === undefined || !requiresWholeObject(conditions, first)) return applyConditions(conditions, first);
  await first.body?.cancel();
  return applyConditions(conditions, await l1(route.key, method, forwarded(conditions, true)));
}

function isUnconditional(conditions: Conditions): boolean {
  for (const _ in conditions) return false;
  return true;
}

/**
 * Returns whether the worker must request the whole object after a request for a range. One reason is a 416 answer,
 * because such an answer states neither the object's size nor its version reliably. The other reason is an answer with
 * a range of another version than the client has.
 */
function requiresWholeObject(conditions: Conditions, answer: Response): boolean {
  return answer.status === 416 || verdictOf(conditions, answer) === "whole";
}

function verdictOf(conditions: Conditions, answer: Response): Verdict {
  return [200, 206, 304].includes(answer.status) ? verdictOn(conditions, answer.status, answer.headers) : "pass";
}

/**
 * Returns L1's answer, or an answer with status 206, 304, 412 or 416 if the client's conditions or range require this
 * status.
 */
async function applyConditions(conditions: Conditions, answer: Response | undefined): Promise<Response | undefined> {
  if (answer === undefined) return undefined;
  const verdict = verdictOf(conditions, answer);
  if (verdict === "failed") return instead(answer, { status: 412 });
  if (verdict === "not modified") return instead(answer, { status: 304, headers: answer.headers });
  return answer.status === 200 ? applyRange(conditions, answer) : answer;
}

/** Returns the requested range of a whole object, or the whole object if no range applies. */
async function applyRange(conditions: Conditions, whole: Response): Promise<Response> {
  const range = rangeIn(conditions, whole.headers);
  const size = Number(whole.headers.get("content-length") ?? Number.NaN);
  if (range === undefined || Number.isNaN(size)) return whole;
  // The answer to a request for the last bytes of an empty object is the whole object, because no Content-Range header
  // can describe a range without bytes.
  if (size === 0 && "suffix" in range && range.suffix > 0) return whole;
  const bounds = boundsOf(range, size);
  if (bounds === undefined) return instead(whole, { status: 416, headers: { "content-range": `bytes */${size}` } });
  // The worker cannot cut a range out of a body with a content encoding. A range counts encoded bytes, and workerd
  // decodes the body when the worker reads it.
  return whole.headers.has("content-encoding") ? whole : partOf(whole, bounds);
}

async function instead(answer: Response, init: ResponseInit): Promise<Response> {
  await answer.body?.cancel();
  return new Response(null, init);
}

/**
 * Returns the response for the client. The response has only headers for clients, a Cache-Control that permits only
 * private caches to store it, and a header that names the tier that answered.
 */
export function clientResponse(route: ObjectRoute, answer: Response, milliseconds: number): Response {
  if (isFromMemory(answer)) return answer;
  const headers = clientHeaders(route, answer);
  headers["x-cache"] = cacheVerdict(answer);
  const below = answer.headers.get("server-timing");
  headers["server-timing"] = below === null ? `edge;dur=${milliseconds}` : `${below}, edge;dur=${milliseconds}`;
  return new Response(answer.body, { status: answer.status, headers });
}

/** Returns the headers for the client, except for the headers that depend on the tier that answered. */
export function clientHeaders(
  route: ObjectRoute,
  { headers: given, status }: Pick<Response, "headers" | "status">,
): Record<string, string> {
  // The headers are a plain object, because each call of a method of Headers costs the isolate more than the assignment
  // of a field.
  const headers: Record<string, string> = {};
  const returned = status === 304 ? HEADERS_WITHOUT_BODY : RETURNED_HEADERS;
  for (const name of returned) copyHeader(given, name, headers, name);
  if (status !== 304) headers["accept-ranges"] = "bytes";
  // Without `private`, a shared cache on the way to the client would serve the package to all (RFC 9111, section 3.5).
  headers["cache-control"] = headers["cache-control"]?.replace(/\bpublic\b/, "private") ?? "private, no-store";
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

/** Returns the tier that sent the body. The cf-cache-status header of Workers Cache identifies hits in L1. */
export function cacheVerdict(answer: Response): string {
  const verdict = answer.headers.get("cf-cache-status");
  if (verdict === "HIT" || verdict === "REVALIDATED") return answer.headers.has(PREDICTED_HEADER) ? "edge; hit; predicted" : "edge; hit";
  if (verdict === "STALE" || verdict === "UPDATING") return "edge; stale";
  const below = answer.headers.get("x-cache") ?? "origin; miss";
  return answer.headers.has(BYPASS_HEADER) ? `${below}; edge=bypass` : below;
}
