// L1: the calls of the default entrypoint to the cached entrypoint (cached_objects.ts). Workers Cache answers them between
// the two, so they carry nothing that belongs to one client.
// Source: developers.cloudflare.com/workers/cache, "Cache keys" and "Limitations".

import type { Place } from "./shields";

/** Fetches an object by its key. Returns 200, 206, 304, 404 or 416, or undefined when no shield answers. */
export type L1 = (key: string, method: string, headers: Record<string, string>) => Promise<Response | undefined>;

/** Headers that the cache's key leaves out: the client's place, and the tag of the object's package. */
export const PLACE_HEADER = "x-artifact-edge-place";
export const PACKAGE_TAG_HEADER = "x-artifact-edge-package-tag";
const OBJECTS = "/objects/";

/**
 * Returns L1 as seen from a place, for the objects of one package. `cached` is the cached entrypoint with its cache, and
 * `packageTag` is the package's tag.
 */
export function l1From(cached: Pick<Fetcher, "fetch">, place: Place | undefined, packageTag: string): L1 {
  const near = place === undefined ? {} : { [PLACE_HEADER]: `${place.latitude},${place.longitude}` };
  return async (key, method, headers) => {
    const sent = { ...headers, ...near, [PACKAGE_TAG_HEADER]: packageTag };
    // The host is a placeholder: nothing resolves it, and the cache's key leaves it out.
    const answer = await cached.fetch(`https://l1${pathOf(key)}`, { method, headers: sent, redirect: "manual" });
    if ([200, 206, 304, 404, 416].includes(answer.status)) return answer;
    await answer.body?.cancel();
    return undefined;
  };
}

/** Returns the path of an object, in L1 as on shields. */
export function pathOf(key: string): string {
  return OBJECTS + key.split("/").map(encodeURIComponent).join("/");
}

/** Returns the key of the object with the path, or undefined for another path. */
export function keyOf(path: string): string | undefined {
  if (!path.startsWith(OBJECTS)) return undefined;
  return path.slice(OBJECTS.length).split("/").map(decodeURIComponent).join("/");
}

/** Returns the place in a request's header, or undefined when the request has none. */
export function placeIn(headers: Headers): Place | undefined {
  const [latitude, longitude] = (headers.get(PLACE_HEADER) ?? "").split(",").map(Number);
  return latitude === undefined || longitude === undefined ? undefined : { latitude, longitude };
}
