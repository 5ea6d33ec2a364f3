// Log events of requests from clients that take part in experiments, for `python -m registry edge experiment report`.
// An event contains no name of a package, principal or address, and no digest of a token.

import type { Assignment } from "./experiments";
import type { Ecosystem } from "./routes";

const VARIANT_HEADER = "x-artifact-edge-variant";

/** The log event of one request from a client that takes part in experiments. */
export interface RequestEvent {
  event: "request";
  /** The names of the variants that the client is assigned to, with the names of the experiments as keys. */
  variants: Readonly<Record<string, string>>;
  /**
   * For each experiment, a number that identifies the client. The requests of one client are not independent of each
   * other, so the statistics need to know which requests belong to the same client.
   */
  subjects: Readonly<Record<string, number>>;
  ecosystem: Ecosystem;
  status: number;
  /**
   * The tier that sent the object and the result of its cache, as in the header X-Cache, such as `edge; hit`. Null when
   * the response has no object.
   */
  tier: string | null;
  /** The length of the body that the client gets. Null when the length is unknown. */
  bytes: number | null;
  /**
   * The time in milliseconds between the arrival of the request and the moment when the worker has the response's
   * headers.
   */
  first_byte_ms: number;
}

/**
 * Returns the log event for a response. `milliseconds` is the time between the arrival of the request and the moment
 * when the worker has the response's headers.
 */
export function requestEvent(
  { variants, subjects }: Assignment,
  ecosystem: Ecosystem,
  method: string,
  { status, headers }: Pick<Response, "status" | "headers">,
  milliseconds: number,
): RequestEvent {
  const length = headers.get("content-length");
  const hasBody = method !== "HEAD" && status !== 304;
  const bytes = !hasBody ? 0 : length === null ? null : Number(length);
  const tier = headers.get("x-cache");
  return { event: "request", variants, subjects, ecosystem, status, tier, bytes, first_byte_ms: milliseconds };
}

/**
 * Returns the response with an additional header, which shows operators the variants of experiments to which the client
 * is assigned. The function makes a new response, because the headers of a response from L1, the cache at the edge, are
 * read-only.
 */
export function namingVariants(response: Response, { variants }: Assignment): Response {
  const named = new Response(response.body, response);
  named.headers.set(VARIANT_HEADER, Object.entries(variants).map(([experiment, variant]) => `${experiment}=${variant}`).join(", "));
  return named;
}
