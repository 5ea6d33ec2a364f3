// The cached entrypoint of the edge worker fetches a whole object from a shield (a regional cache), or filters a
// document by an edge policy. Workers Cache stores the responses of the cached entrypoint, cuts ranges out of stored
// responses, and combines concurrent misses of an object into one call. Only the default entrypoint calls the cached
// entrypoint, for authorized clients.
//
// Source: developers.cloudflare.com/workers/cache, "Configuration".

import { WorkerEntrypoint } from "cloudflare:workers";

import type { Bindings } from "./bindings";
import { tagsOf, versionTag } from "./cache_tags";
import { InvalidDocument } from "./fields";
import { filteredObject } from "./filtered_objects";
import { finishedHeaders } from "./finished_answers";
import {
  flagsIn,
  l1From,
  placeIn,
  PREDICTED_HEADER,
  requestedIn,
  TOO_LARGE_HEADER,
  type View,
} from "./l1";
import { ORIGIN_CACHING_HEADER, prefetchedLifetime } from "./prefetched_lifetime";
import { fetchFromShields } from "./shield_nodes";
import { Unavailable } from "./unavailable";

// A response must always have Cache-Control. Without it, Workers Cache would store a 200 response for 2 hours, and a
// 404 response for 3 minutes.
const NOT_STORED = "no-store";

// The headers that the worker copies from the response of a shield (a regional cache) to the response that Workers
// Cache stores. Other headers, such as Set-Cookie, would prevent Workers Cache from storing the response.
const PASSED_HEADERS = [
  "cache-control",
  "content-encoding",
  "content-length",
  "content-type",
  "date",
  "etag",
  "last-modified",
  "server-timing",
  "x-amz-meta-digest",
  "x-amz-meta-next",
  "x-amz-meta-published",
  "x-amz-meta-revision",
  "x-cache",
];
// The conditional headers with which Workers Cache revalidates its copy of an object. Workers Cache never sends a Range
// header, so it needs no If-Range.
const CONDITIONS = ["if-none-match", "if-modified-since"];

// The size in bytes of the largest response that Workers Cache stores, on any plan
// (developers.cloudflare.com/workers/cache, "Limitations", "Response size").
const BYTES_MAX = 512 * 1024 * 1024;

export class Objects extends WorkerEntrypoint<Bindings> {
  /**
   * Answers a request for an object. The status is 200 with the whole object, 304, 404, or 502 if no shield answers.
   * The status is 204 without a body if the object is too large for Workers Cache. The headers of the 204 response
   * state how long L1, the cache at the edge, may store this response.
   */
  override async fetch(request: Request): Promise<Response> {
    const requested = requestedIn(new URL(request.url).pathname);
    if (requested === undefined) return uncached(404);
    const { key, view } = requested;
    return view.kind === "objects" ? this.#stored(key, request) : this.#filtered(key, view, request);
  }

  async #stored(key: string, request: Request): Promise<Response> {
    const headers = Object.fromEntries(CONDITIONS.flatMap((name) => {
      const value = request.headers.get(name);
      return value === null ? [] : [[name, value]];
    }));
    const answer = await fetchFromShields(key, "GET", headers, this.env, placeIn(request.headers), flagsIn(request.headers));
    if (answer === undefined) return uncached(502);
    if (answer.status === 404) {
      await answer.body?.cancel();
      return uncached(404);
    }
    const isPrefetch = request.headers.has(PREDICTED_HEADER);
    const isTooLarge = answer.status === 200 && Number(answer.headers.get("content-length")) > BYTES_MAX;
    const isFinished = !isTooLarge && this.env.REDIRECT_TO_L1 === undefined;
    const finished = isFinished ? finishedHeaders(key, answer.status, answer.headers, isPrefetch) : undefined;
    const stored = new Headers(finished ?? passedHeaders(answer.headers, isPrefetch));
    stored.set("cache-tag", [...tagsOf(key), versionTag(this.env.VERSION)].join(","));
    if (!isTooLarge) return new Response(answer.body, { status: answer.status, headers: stored });
    await answer.body?.cancel();
    stored.delete("content-length");
    stored.set(TOO_LARGE_HEADER, "1");
    return new Response(null, { status: 204, headers: stored });
  }

  /**
   * Answers with a document that an edge policy filters. The function gets the unfiltered document from Workers Cache.
   */
  async #filtered(key: string, view: Exclude<View, { kind: "objects" }>, request: Request): Promise<Response> {
    const { Objects: objects } = this.ctx.exports as unknown as { Objects: Pick<Fetcher, "fetch"> };
    try {
      const isPrefetch = request.headers.has(PREDICTED_HEADER);
      const flags = flagsIn(request.headers);
      const l1 = l1From(objects, placeIn(request.headers), async () => undefined, flags, undefined, isPrefetch);
      const answer = await filteredObject(key, view, request, l1, Date.now());
      if (answer === undefined) return uncached(502);
      if (request.headers.has(PREDICTED_HEADER)) answer.headers.set(PREDICTED_HEADER, "1");
      answer.headers.append("cache-tag", versionTag(this.env.VERSION));
      return answer;
    } catch (error) {
      if (error instanceof InvalidDocument || error instanceof Unavailable) return uncached(502);
      throw error;
    }
  }

  /**
   * Removes each object that has one of the given tags from Workers Cache. The default entrypoint calls this method
   * directly, and not through the cache.
   */
  async purge(tags: string[]): Promise<CachePurgeResult> {
    if (this.ctx.cache === undefined) throw new Error("Workers Cache is off for this entrypoint");
    return this.ctx.cache.purge({ tags });
  }
}

/**
 * Returns the headers that L1, the cache at the edge, stores. They are made from the response headers of a shield (a
 * regional cache). If the response is for a prefetch, the function marks the stored headers. Marked headers let L1 use
 * the object for longer than clients may use it.
 */
function passedHeaders(given: Headers, isPrefetch: boolean): Record<string, string> {
  const passed: Record<string, string> = { "cache-control": NOT_STORED };
  for (const name of PASSED_HEADERS) {
    const value = given.get(name);
    if (value !== null) passed[name] = value;
  }
  if (!isPrefetch) return passed;
  const caching = passed["cache-control"] ?? NOT_STORED;
  return { ...passed, [PREDICTED_HEADER]: "1", [ORIGIN_CACHING_HEADER]: caching, "cache-control": prefetchedLifetime(caching) };
}

function uncached(status: 404 | 502): Response {
  return new Response(null, { status, headers: { "cache-control": NOT_STORED } });
}
