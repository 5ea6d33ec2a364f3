// Decides for how long L1, the cache at the edge, uses a prefetched document. A prefetch is often early. For example,
// an install of hundreds of packages requests most documents more than 5 s after the worker has prefetched them. The
// origin states a lifetime of 5 s. With this lifetime, L1 would ask a shield (a regional cache) whether the prefetched
// copy is current. Each document would then cost two requests to shields.

/**
 * The name of a header on prefetched copies in L1, the cache at the edge. L1 keeps such a copy for longer than the
 * origin's Cache-Control permits. The header holds the origin's Cache-Control, and the worker sends this value to
 * clients.
 */
export const ORIGIN_CACHING_HEADER = "x-artifact-edge-origin-caching";

// The number of seconds for which a prefetched document is fresh in L1, the cache at the edge. A shield (a regional
// cache) answers with the previous document for up to 5 s after a publish. L1 may prefetch this previous document and
// keep it for FRESH_SECONDS more. The time until all clients get the new document must stay below 30 s
// (docs/publish-to-visible.md).
const FRESH_SECONDS = 20;
const FRESH = /\bmax-age=(\d+)/;
const STALE = /\bstale-while-revalidate=(\d+)/;

/**
 * Returns the Cache-Control with which L1, the cache at the edge, stores a prefetched document. `caching` is the
 * Cache-Control of the origin. The function moves seconds from `stale-while-revalidate` to `max-age`, until `max-age`
 * is FRESH_SECONDS or no seconds are left. The sum of both stays the same, so L1 never answers with an older copy than
 * the origin allows.
 */
export function prefetchedLifetime(caching: string): string {
  const fresh = Number(FRESH.exec(caching)?.[1] ?? FRESH_SECONDS);
  const stale = Number(STALE.exec(caching)?.[1] ?? 0);
  const added = Math.min(FRESH_SECONDS - fresh, stale);
  if (added <= 0) return caching;
  return caching.replace(FRESH, `max-age=${fresh + added}`).replace(STALE, `stale-while-revalidate=${stale - added}`);
}

/**
 * Returns the origin's Cache-Control for an object. `headers` are the response headers of L1, the cache at the edge. A
 * prefetched copy in L1 has a different Cache-Control, and keeps the origin's value in the header
 * ORIGIN_CACHING_HEADER.
 */
export function originCaching({ headers }: Pick<Response, "headers">): string | null {
  return headers.get(ORIGIN_CACHING_HEADER) ?? headers.get("cache-control");
}
