// Purges changed objects from L1 when the registry requests this. L1 is the Workers Cache of one entrypoint, and only
// this entrypoint can purge L1. A purge of the Cloudflare zone does not affect L1.
// Sources: developers.cloudflare.com/workers/cache, "Purging the cache", "Limitations"; Cloudflare's API reference,
// "Purge cached content".

import { keyTag, packageTag, versionTag } from "./cache_tags";
import { clearMemory } from "./memory";
import { isSigned, SIGNATURE_HEADER } from "./signatures";

export const PURGE_PATH = "/-/purge";
// The maximum size of a purge request's body in bytes. It suffices for 100 object keys of S3's maximum length (1,024
// bytes), with quotes and escapes.
const BODY_BYTES_MAX = 256 * 1024;
const TAGS_MAX = 100; // Workers Cache purges at most 100 tags in one call
const RATE_LIMITED = 1134;
// Workers Cache accepts 25 purges at once. Afterwards, it accepts 5 purges a minute, which is one purge in 12 seconds.
const RETRY_SECONDS = 12;

/**
 * The RPC method that purges cached responses of an entrypoint from Workers Cache. `tags` are the cache tags of these
 * responses.
 */
export interface Purgeable {
  purge(tags: string[]): Promise<CachePurgeResult>;
}

// Maps each field of a purge request's body to a function that returns the cache tag for one value. A value of
// `packages` has the form `npm:@acme/web`.
const TAGS: Record<string, (value: string) => string> = {
  keys: keyTag,
  packages: (value) => packageTag(value.slice(0, value.indexOf(":")), value.slice(value.indexOf(":") + 1)),
  versions: versionTag,
};

/**
 * Answers a request `POST /-/purge`. The request's body lists object keys, packages or worker versions, such as
 * `{"keys": ["<object key>", …]}`. The status of the answer is 200, 400, 403, 405, 413, 429 or 502.
 */
export async function purgeAnswer(request: Request, objects: Purgeable, key: string, now: number): Promise<Response> {
  if (request.method !== "POST") return text(405, "only POST is supported here", { allow: "POST" });
  // The signature covers the body, so the worker reads the body before it has verified the sender. This limit on the
  // body's size protects the isolate's memory.
  const length = request.headers.get("content-length");
  if (length === null || Number(length) > BODY_BYTES_MAX) return text(413, `the body may have ${BODY_BYTES_MAX} bytes`);
  const body = await request.text();
  if (!(await isSigned(request.headers.get(SIGNATURE_HEADER), body, key, now))) return text(403, "not signed by the registry");
  const tags = tagsIn(body);
  if (tags === undefined) {
    return text(400, `the body must be {"keys": […]}, {"packages": […]} or {"versions": […]} with 1 to ${TAGS_MAX} texts`);
  }
  const { success, errors } = await objects.purge(tags);
  clearMemory();
  if (success) return text(200, "purged");
  if (errors.some(({ code }) => code === RATE_LIMITED)) {
    return text(429, "too many purges", { "retry-after": String(RETRY_SECONDS) });
  }
  return text(502, `the cache refuses the purge: ${errors.map(({ code }) => code).join(", ")}`);
}

/** Returns the cache tags for the values in the body of a purge request, or undefined for a body in another form. */
function tagsIn(body: string): string[] | undefined {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return undefined;
  }
  const [[field, values] = ["", undefined], ...more] = Object.entries(given ?? {});
  const tagOf = Object.hasOwn(TAGS, field) ? TAGS[field] : undefined;
  if (tagOf === undefined || more.length > 0 || !Array.isArray(values)) return undefined;
  if (values.length < 1 || values.length > TAGS_MAX || !values.every((value) => typeof value === "string")) return undefined;
  return values.map((value) => tagOf(value));
}

function text(status: number, message: string, headers: Record<string, string> = {}): Response {
  return new Response(`${message}\n`, { status, headers: { "cache-control": "no-store", ...headers } });
}
