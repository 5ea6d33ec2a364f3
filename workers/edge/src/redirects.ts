// On our own PoP machines, the worker answers NGINX with an internal redirect. NGINX then sends the client the object
// from L1, the cache at the edge. The body does not pass through the isolate (docs/decisions/own-pops.md).

import type { ShieldFlags } from "./experiments";
import { flagsHeader, pathOf, PLACE_HEADER, type View } from "./l1";
import { isPart, type ObjectRoute } from "./routes";
import type { Place } from "./shields";

// Request headers with conditions that NGINX does not check. The worker checks the conditions itself (conditions.ts).
const CHECKED_BY_THE_WORKER = ["if-match", "if-unmodified-since", "if-range"];

/**
 * Tells NGINX which path of L1, the cache at the edge, has the object for the client. `view` is the form in which L1
 * returns the object (l1.ts). Names no path if the worker must build the response from parts of the object, or check a
 * condition in the request's headers. NGINX then gets the answer from the worker.
 */
export function redirectToL1(
  wanted: ObjectRoute,
  request: Request,
  place: Place | undefined,
  flags: ShieldFlags,
  view?: View,
): Response {
  if (isPart(wanted) || CHECKED_BY_THE_WORKER.some((name) => request.headers.has(name))) return new Response(null);
  const headers = new Headers({ "x-accel-redirect": pathOf(wanted.key, view), ...flagsHeader(flags) });
  if (place !== undefined) headers.set(PLACE_HEADER, `${place.latitude},${place.longitude}`);
  if (wanted.negotiated) headers.set("vary", "Accept");
  if (wanted.ecosystem === "oci") headers.set("docker-distribution-api-version", "registry/2.0");
  if (wanted.digest !== undefined) headers.set("docker-content-digest", wanted.digest);
  return new Response(null, { headers });
}
