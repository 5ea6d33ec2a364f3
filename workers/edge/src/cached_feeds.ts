// The cached entrypoint for feeds fetches a feed's document from the metadata API. Workers Cache keeps the document for
// the lifetime in the API's Cache-Control header, and combines concurrent misses. Only the default entrypoint calls the
// cached entrypoint.
//
// Source: developers.cloudflare.com/workers/cache, "Configuration".

import { WorkerEntrypoint } from "cloudflare:workers";

import type { Bindings } from "./bindings";
import { type MetadataApi, queryFeed } from "./metadata";

const NOT_STORED = "no-store"; // without Cache-Control, Workers Cache would store an error for minutes

export class Feeds extends WorkerEntrypoint<Bindings> {
  /**
   * Answers with the document of the feed that the path names, or with 502 when the metadata API returns no document.
   */
  override async fetch(request: Request): Promise<Response> {
    const api = metadataApiOf(this.env);
    const answer = api && (await queryFeed(api, new URL(request.url).pathname.slice(1)));
    if (answer === undefined) return new Response(null, { status: 502, headers: { "cache-control": NOT_STORED } });
    const lifetime = answer.headers.get("cache-control") ?? NOT_STORED;
    return new Response(answer.body, { headers: { "content-type": "application/json", "cache-control": lifetime } });
  }
}

/**
 * Returns the metadata API's URL and the key that signs requests to it, from the worker's bindings. Returns undefined
 * for a stack without this API.
 */
export function metadataApiOf({ METADATA_API: url, METADATA_API_KEY: key }: Bindings): MetadataApi | undefined {
  return url && key ? { url, key } : undefined;
}

/**
 * Fetches a feed through Workers Cache. A feed is a small document that the worker reads every 2 s, such as the list of
 * recent revocations.
 */
export function fetchFeed(feeds: Pick<Fetcher, "fetch">, name: string): Promise<Response> {
  // The host in this URL is a placeholder: nothing looks it up in DNS, and it is not part of the cache key.
  return feeds.fetch(`https://feeds/${encodeURIComponent(name)}`);
}
