// Purges changed objects from L1 when the registry requests this. Only the cached entrypoint can purge its cache: a
// purge of the Cloudflare zone does not affect Workers Cache.
//
// Sources: developers.cloudflare.com/workers/cache, "Purging the cache", "Limitations"; Cloudflare's API reference,
// "Purge cached content".

import { keyTag } from "./cache_tags";
import { isSigned, SIGNATURE_HEADER } from "./signatures";

export const PURGE_PATH = "/-/purge";
// Enough for 100 keys with S3's most bytes, 1,024, and for the quotes and escapes in JSON.
const BODY_BYTES_MAX = 256 * 1024;
const KEYS_MAX = 100; // Workers Cache purges at most 100 tags in one call
const RATE_LIMITED = 1134;
const RETRY_SECONDS = 12; // the cache accepts 5 purges a minute, after 25 at once

/** The method of the cached entrypoint that purges its cache. */
export interface Purgeable {
  purge(tags: string[]): Promise<CachePurgeResult>;
}

/** Answers `POST /-/purge` with `{"keys": ["<object key>", …]}`: 200, 400, 403, 405, 413, 429 or 502. */
export async function purgeAnswer(request: Request, objects: Purgeable, key: string, now: number): Promise<Response> {
  if (request.method !== "POST") return text(405, "only POST is supported here", { allow: "POST" });
  // The signature covers the body, so the worker reads the body before it knows the sender. The limit protects the
  // isolate's memory from large bodies.
  const length = request.headers.get("content-length");
  if (length === null || Number(length) > BODY_BYTES_MAX) return text(413, `the body may have ${BODY_BYTES_MAX} bytes`);
  const body = await request.text();
  if (!(await isSigned(request.headers.get(SIGNATURE_HEADER), body, key, now))) return text(403, "not signed by the registry");
  const keys = keysIn(body);
  if (keys === undefined) return text(400, `the body must be {"keys": […]} with 1 to ${KEYS_MAX} object keys`);
  const { success, errors } = await objects.purge(await Promise.all(keys.map(keyTag)));
  if (success) return text(200, "purged");
  if (errors.some(({ code }) => code === RATE_LIMITED)) {
    return text(429, "too many purges", { "retry-after": String(RETRY_SECONDS) });
  }
  return text(502, `the cache refuses the purge: ${errors.map(({ code }) => code).join(", ")}`);
}

function keysIn(body: string): string[] | undefined {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return undefined;
  }
  const keys = typeof given === "object" && given !== null ? (given as { keys?: unknown }).keys : undefined;
  if (!Array.isArray(keys) || keys.length < 1 || keys.length > KEYS_MAX) return undefined;
  return keys.every((key) => typeof key === "string") ? (keys as string[]) : undefined;
}

function text(status: number, message: string, headers: Record<string, string> = {}): Response {
  return new Response(`${message}\n`, { status, headers: { "cache-control": "no-store", ...headers } });
}
