// Limits the rate of the requests with each valid token, and the rate of the requests with invalid tokens from each
// client address. Each limit is a rate limiting binding. A binding counts only the requests at one Cloudflare location,
// and its count is approximate. Without a binding there is no limit.
// Source: developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit.

import { failure } from "./answers";
import type { Bindings } from "./bindings";
import type { Ecosystem } from "./routes";

// The periods in seconds in which the rate limiting bindings count requests (infra/waf). A binding does not say when
// its period ends, so a 429 response tells the client to wait for a whole period.
const TOKEN_SECONDS = 10;
const FAILURE_SECONDS = 60;

/**
 * Counts a request with a token that is unknown, revoked or expired. Returns 429 if the client's address has sent too
 * many such requests, and undefined otherwise. Requests with valid tokens from the same address are unaffected.
 */
export function tooManyFailures(
  request: Request,
  ecosystem: Ecosystem | undefined,
  { FAILED_TOKENS: limit }: Pick<Bindings, "FAILED_TOKENS">,
): Promise<Response | undefined> {
  const address = request.headers.get("cf-connecting-ip") ?? "";
  return exceeded(limit, address, ecosystem, FAILURE_SECONDS, "too many invalid tokens from this address");
}

/**
 * Counts a request with a valid token. Returns 429 if there are too many requests with this token, and undefined
 * otherwise.
 */
export function tooManyRequests(
  digest: string,
  ecosystem: Ecosystem | undefined,
  { TOKEN_REQUESTS: limit }: Pick<Bindings, "TOKEN_REQUESTS">,
): Promise<Response | undefined> {
  return exceeded(limit, digest, ecosystem, TOKEN_SECONDS, "too many requests with this token");
}

async function exceeded(
  limit: RateLimit | undefined,
  key: string,
  ecosystem: Ecosystem | undefined,
  seconds: number,
  message: string,
): Promise<Response | undefined> {
  if (limit === undefined || (await limit.limit({ key })).success) return undefined;
  return failure(ecosystem, 429, message, { "retry-after": String(seconds) });
}
