// One invocation of the default entrypoint, and its access to the worker's other entrypoints.

import type { Bindings } from "./bindings";
import type { ShieldFlags } from "./experiments";
import { type L1, l1From, type View } from "./l1";
import { placeOf } from "./places";
import type { Purgeable } from "./purges";
import { fetchFromShields } from "./shield_nodes";

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

/**
 * Returns a function that creates readers of L1, the cache at the edge, for one request of a client. If the caller of
 * that function gives a `view` (l1.ts), the reader fetches objects in the form that the view describes. Otherwise, it
 * fetches objects as the origin stores them.
 */
export function l1Of({ request, bindings, ctx }: Invocation, flags: ShieldFlags): (view?: View) => L1 {
  return (view) => {
    const place = placeOf(request, Date.now());
    const shields: L1 = (key, verb, headers) => fetchFromShields(key, verb, headers, bindings, place, flags);
    return l1From(entrypointsOf(ctx).Objects, place, shields, flags, view);
  };
}
