// On our own PoP machines, the worker usually answers NGINX with an internal redirect. NGINX then sends the client the
// object from L1, the cache at the edge. If the isolate carried the object's body instead, the PoP would serve fewer
// objects a second (docs/decisions/own-pops.md).

import type { ShieldFlags } from "./experiments";
import { flagsHeader, pathOf, PLACE_HEADER, type View } from "./l1";
import { isPart, type ObjectRoute } from "./routes";
import type { Place } from "./shields";

// Conditional request headers (RFC 9110, section 13.1) that NGINX does not check. The worker checks them itself
// (conditions.ts).
const CHECKED_BY_THE_WORKER = ["if-match", "if-unmodified-since", "if-range"];

/**
 * Returns a response that tells NGINX at which path L1, the cache at the edge, has the object for the client. `view` is
 * the form in which L1 returns the object (l1.ts).
 *
 * If the edge policy blocks networks (`isBlocking`), the response tells NGINX not to remember this decision. NGINX would
 * use it for other clients with the same credential, from a blocked network too.
 *
 * The response names no path in two cases: the worker must build the answer from parts of the object, or the request
 * has a condition that only the worker checks. NGINX then gets the answer from the worker.
 */
export function redirectToL1(
  wanted: ObjectRoute,
  request: Request,
  place: Place | undefined,
  flags: ShieldFlags,
  isBlocking: boolean,
  view?: View,
): Response {
  if (isPart(wanted) || CHECKED_BY_THE_WORKER.some((name) => request.headers.has(name))) return new Response(null);
  const headers = new Headers({ "x-accel-redirect": pathOf(wanted.key, view), ...flagsHeader(flags) });
  if (place !== undefined) headers.set(PLACE_HEADER, `${place.latitude},${place.longitude}`);
  if (isBlocking) headers.set("x-accel-expires", "0");
  if (wanted.negotiated) headers.set("vary", "Accept");
  if (wanted.ecosystem === "oci") headers.set("docker-distribution-api-version", "registry/2.0");
  if (wanted.digest !== undefined) headers.set("docker-content-digest", wanted.digest);
  return new Response(null, { headers });
}
