// One invocation of the default entrypoint, and its access to the worker's other entrypoints.

import type { Bindings } from "./bindings";
import type { ShieldFlags } from "./experiments";
import { type L1, l1From, type View } from "./l1";
import type { Purgeable } from "./purges";
import { fetchFromShields } from "./shield_nodes";
import type { Place } from "./shields";

/**
 * A client's request, with the bindings and the execution context that the runtime passes to the default entrypoint.
 */
export interface Invocation {
  request: Request;
  bindings: Bindings;
  ctx: ExecutionContext;
}

/** The worker's entrypoints that the default entrypoint calls through `ctx.exports`. */
interface Entrypoints {
  Objects: Pick<Fetcher, "fetch"> & Purgeable;
  Feeds: Pick<Fetcher, "fetch">;
}

export function entrypointsOf(ctx: ExecutionContext): Entrypoints {
  return ctx.exports as unknown as Entrypoints;
}

/** Returns the client's coordinates from Cloudflare's request metadata, or undefined when the request has none. */
export function placeOf({ cf }: Request): Place | undefined {
  const latitude = Number(cf?.["latitude"] ?? NaN);
  const longitude = Number(cf?.["longitude"] ?? NaN);
  return Number.isFinite(latitude) && Number.isFinite(longitude) ? { latitude, longitude } : undefined;
}

/**
 * Returns a function that selects how to read L1, the cache at the edge. The function takes the form of the wanted
 * objects (`View` in l1.ts), and returns a function that fetches objects in this form. The default is the form at the
 * origin.
 */
export function l1Of({ request, bindings, ctx }: Invocation, flags: ShieldFlags): (view?: View) => L1 {
  return (view) => {
    const place = placeOf(request);
    const shields: L1 = (key, verb, headers) => fetchFromShields(key, verb, headers, bindings, place, flags);
    return l1From(entrypointsOf(ctx).Objects, place, shields, flags, view);
  };
}
