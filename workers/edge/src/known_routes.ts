// Remembers the routes of recent URLs. Parsing a URL and finding its route takes a quarter of the processor time that
// the worker's own code needs for a hit in L1, the cache at the edge.

import { setBounded } from "./bounded_map";
import type { ObjectRoute, Route } from "./routes";

// The maximum number of URLs whose routes an isolate remembers. They take at most 4 MB of its 128 MB.
const REMEMBERED = 2_000;
const LONGEST = 500; // the maximum length of a URL whose route the isolate remembers, in characters

export class KnownRoutes {
  readonly #routes = new Map<string, ObjectRoute>();

  /** Returns the route that `remember` stored for this URL, or undefined. */
  routeOf(url: string): ObjectRoute | undefined {
    return this.#routes.get(url);
  }

  /** Remembers the route of a URL if the route leads to an object and does not depend on the client's Accept header. */
  remember(url: string, route: Route): void {
    if (route.kind !== "object" || route.negotiated || url.length > LONGEST) return;
    setBounded(this.#routes, url, route, REMEMBERED);
  }
}
