// Requests objects from L1, the cache at the edge. The default entrypoint calls the cached entrypoint
// (cached_objects.ts). Workers Cache is between the two entrypoints, and answers calls from its copies of objects. All
// clients share these copies, so a call contains nothing that belongs to one client.
// Source: developers.cloudflare.com/workers/cache, "Cache keys" and "Limitations".

import { DEFAULT_FLAGS, type ShieldFlags } from "./experiments";
import { answerWithin, systemClock } from "./hedging";
import { SharedLimit } from "./shared_limit";
import type { Place } from "./shields";

/**
 * Fetches the object with a key. The headers may contain a range and validators. Returns a response with the status
 * 200, 206, 304, 404 or 416, or undefined when no shield (a regional cache) answers.
 */
export type L1 = (key: string, method: string, headers: Record<string, string>) => Promise<Response | undefined>;

/**
 * The names of two headers in requests to L1, the cache at the edge. The first header contains the client's
 * coordinates. The second header contains the flags that affect requests to shields, the regional caches (`ShieldFlags`
 * in experiments.ts). The headers are not part of the cache key.
 */
export const PLACE_HEADER = "x-artifact-edge-place";
export const FLAGS_HEADER = "x-artifact-edge-flags";
/** The name of the response header that marks an object as too large for Workers Cache. */
export const TOO_LARGE_HEADER = "x-artifact-edge-too-large";
/**
 * The name of a header in requests and responses. In a request to L1, the cache at the edge, the header says that the
 * request is a prefetch. In a response, the header says that a prefetch stored this copy in L1 (prefetch.ts). The
 * header is not part of the cache key.
 */
export const PREDICTED_HEADER = "x-artifact-edge-predicted";
/** The name of the header that marks responses which did not pass through Workers Cache. */
export const BYPASS_HEADER = "x-artifact-edge-bypass";

/**
 * The form in which the worker requests an object from L1, the cache at the edge. `objects`: the object as the origin
 * stores it. `filtered`: a document without the artifacts that an edge policy refuses. `refusals`: a list of a
 * package's artifacts that names, for each refused artifact, the rule that refuses it. `policy` is the id of the set of
 * rules that the worker applies (rule_sets.ts).
 */
export type View = { kind: "objects" } | { kind: "filtered" | "refusals"; policy: string };

const STORED: View = { kind: "objects" };
// The longest wait for the first byte from L1, the cache at the edge. The limit is high, because L1 may itself wait for
// shields (shield_nodes.ts). Without a limit, an L1 that never answers would block requests forever.
const FIRST_BYTE_MILLISECONDS = 30_000;
const CHECK_MILLISECONDS = 1_000; // the time between two checks for requests that have waited too long
const firstByteLimit = new SharedLimit(FIRST_BYTE_MILLISECONDS, CHECK_MILLISECONDS, systemClock);
// Matches keys of objects in which encodeURIComponent changes no part of the path.
const UNRESERVED = /^[\w.~!*'()/-]*$/;
const PATH = /^\/(?:(objects)|(filtered|refusals)\/((?:none|[0-9a-f]{64})(?:\.[0-9a-f]{64})?(?:~[0-9a-f]{1,6})?))\/(.+)$/;

/**
 * Returns the function that fetches objects from L1, the cache at the edge, for a client at `place`. `cached` calls the
 * cached entrypoint through Workers Cache.
 *
 * If an object is too large for the cache, the function calls `shields`, which requests the object from a shield (a
 * regional cache) with the client's Range header. The shield then sends only the requested part. `flags` change how the
 * cached entrypoint requests objects from shields after a miss in L1. With `isPrefetch`, the requests to L1 are marked
 * as prefetches.
 */
export function l1From(
  cached: Pick<Fetcher, "fetch">,
  place: Place | undefined,
  shields: L1,
  flags: ShieldFlags,
  view = STORED,
  isPrefetch = false,
): L1 {
  const near = place === undefined ? {} : { [PLACE_HEADER]: `${place.latitude},${place.longitude}` };
  const prefetch = isPrefetch ? { [PREDICTED_HEADER]: "1" } : {};
  const always = { ...near, ...flagsHeader(flags), ...prefetch };
  return async (key, method, headers) => {
    const sent = { ...headers, ...always };
    // The host in this URL is a placeholder: no request resolves the name, and the name is not part of the cache key.
    const url = `https://l1${pathOf(key, view)}`;
    // The runtime processes a call of `fetch` with only a URL faster than a call with a method and headers.
    const isPlain = method === "GET" && isEmpty(sent);
    const start = (): Promise<Response> => (isPlain ? cached.fetch(url) : cached.fetch(url, { method, headers: sent, redirect: "manual" }));
    const answer = await answerWithin(firstByteLimit, start, (late) => void late.body?.cancel());
    if (answer === undefined) return undefined;
    const { status } = answer; // read once, because each read calls into the runtime
    if (status === 204 && answer.headers.has(TOO_LARGE_HEADER)) return bypassed(await shields(key, method, headers));
    if ([200, 206, 304, 404, 416].includes(status)) return answer;
    await answer.body?.cancel();
    return undefined;
  };
}

/** Returns whether an object, such as a set of headers or of conditions, has no properties. */
export function isEmpty(headers: object): boolean {
  for (const _ in headers) return false;
  return true;
}

/** Returns the function that fetches whole objects from L1, the cache at the edge, by their keys. */
export function readerOf(l1: L1): (key: string) => Promise<Response | undefined> {
  return (key) => l1(key, "GET", {});
}

function bypassed(answer: Response | undefined): Response | undefined {
  if (answer === undefined) return undefined;
  const headers = new Headers(answer.headers);
  headers.set(BYPASS_HEADER, "1");
  return new Response(answer.body, { status: answer.status, headers });
}

/**
 * Returns the URL path by which the worker requests the object `key` from L1, the cache at the edge. `view` selects the
 * stored object, a document without refused artifacts, or the list of refused artifacts. The path of a stored object is
 * the same on shields.
 */
export function pathOf(key: string, view = STORED): string {
  const start = view.kind === "objects" ? "/objects/" : `/${view.kind}/${view.policy}/`;
  return start + (UNRESERVED.test(key) ? key : key.split("/").map(encodeURIComponent).join("/"));
}

/**
 * Parses the URL path of a request to L1, the cache at the edge. Returns the key of the object, and the view of the
 * object that the worker requests: the stored object, a document without refused artifacts, or the list of refused
 * artifacts. Returns undefined for any other path.
 */
export function requestedIn(path: string): { key: string; view: View } | undefined {
  const [, stored, kind, policy, encoded] = PATH.exec(path) ?? [];
  if (encoded === undefined) return undefined;
  const key = encoded.split("/").map(decodeURIComponent).join("/");
  if (stored !== undefined) return { key, view: STORED };
  return { key, view: { kind: kind === "filtered" ? "filtered" : "refusals", policy: policy ?? "" } };
}

/**
 * Returns the client's coordinates, which a request to L1, the cache at the edge, has in a header. Returns undefined
 * when the request has no such header.
 */
export function placeIn(headers: Headers): Place | undefined {
  const [latitude, longitude] = (headers.get(PLACE_HEADER) ?? "").split(",").map(Number);
  return latitude === undefined || longitude === undefined ? undefined : { latitude, longitude };
}

/**
 * Returns the header that carries the shield flags through L1, the cache at the edge, to the code that sends requests
 * to shields (regional caches). The flags say which shield nodes to prefer, whether to send hedged requests, and which
 * install id to send. Returns no header when all flags have their default values.
 */
export function flagsHeader({ shieldPool, hedging, install }: ShieldFlags): Record<string, string> {
  const areUsual = shieldPool === undefined && hedging && install === undefined;
  return areUsual ? {} : { [FLAGS_HEADER]: JSON.stringify({ shieldPool, hedging, install }) };
}

export function flagsIn(headers: Headers): ShieldFlags {
  const text = headers.get(FLAGS_HEADER);
  return text === null ? DEFAULT_FLAGS : { ...DEFAULT_FLAGS, ...(JSON.parse(text) as Partial<ShieldFlags>) };
}
