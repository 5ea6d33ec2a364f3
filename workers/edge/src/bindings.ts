// The worker's bindings (docs/contracts.md, "Between the tiers").

export interface Bindings {
  ENTITLEMENTS: KVNamespace;
  SHIELD: Fetcher;
  SHIELDS: string;
  HOSTNAME: string;
  ORIGIN_KEY: string;
  TOKEN_SIGNING_KEY: string;
  PURGE_KEY: string;
  /** The version of the worker's bundle. The stack output `worker_version` has the same value. */
  VERSION: string;
  METADATA_API?: string;
  METADATA_API_KEY?: string;
  RESERVED_PYTHON_NAMES?: string;
  /** The limits of prefetches, as JSON (prediction.ts). Absent when the worker does not prefetch predicted requests. */
  PREDICTION?: string;
  /**
   * Present only if the access logs of shields (regional caches) contain install ids. An install id is a pseudonym of a
   * client for ten minutes (installs.ts).
   */
  LOG_INSTALLS?: string;
  /**
   * The limits for the objects that isolates keep in memory, as JSON (memory.ts). Absent when isolates keep no objects.
   */
  MEMORY?: string;
  /** A rate limit for each valid token. The key of the limit is the token's digest. */
  TOKEN_REQUESTS?: RateLimit;
  /** A rate limit for requests with invalid tokens, for each client address. */
  FAILED_TOKENS?: RateLimit;
  /**
   * Set only on our own PoP machines. The worker then answers most authorized requests with an internal redirect, and
   * not with the object. NGINX follows the redirect: it sends the client the object from L1, the cache at the edge, and
   * sets the response headers (redirects.ts).
   */
  REDIRECT_TO_L1?: string;
}
