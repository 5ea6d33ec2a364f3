// Reads the coordinates of clients from Cloudflare's metadata of a request. The worker sends the coordinates to L1, the
// cache at the edge. After a miss, they decide which shield the worker asks first.

import type { Place } from "./shields";

// An isolate (an instance of the worker) reads the coordinates of one client and uses them for all its clients during
// this time. All clients of an isolate use the same PoP, so their distances to the shields are similar.
const PLACE_MILLISECONDS = 1_000;

/** The part of a request that this module reads. `cf` is Cloudflare's metadata of the request. */
export interface WithMetadata {
  readonly cf?: Readonly<Record<string, unknown>> | undefined;
}

let recent: { place: Place | undefined; until: number } | undefined;

/**
 * Returns the coordinates of a recent client of the isolate, or undefined if the client's request has no coordinates.
 *
 * The function reads the request metadata at most once per second, because the runtime parses the metadata of a request
 * only when the worker reads it. Parsing it for each request would take a twelfth of the time that the worker's own
 * code needs for a hit in L1, the cache at the edge.
 */
export function placeOf(request: WithMetadata, now: number): Place | undefined {
  if (recent === undefined || now >= recent.until) {
    recent = { place: coordinatesIn(request), until: now + PLACE_MILLISECONDS };
  }
  return recent.place;
}

function coordinatesIn({ cf }: WithMetadata): Place | undefined {
  const latitude = Number(cf?.["latitude"] ?? NaN);
  const longitude = Number(cf?.["longitude"] ?? NaN);
  return Number.isFinite(latitude) && Number.isFinite(longitude) ? { latitude, longitude } : undefined;
}
