// The worker's bindings (docs/contracts.md, "Between the tiers").

export interface Bindings {
  ENTITLEMENTS: KVNamespace;
  SHIELD: Fetcher;
  SHIELDS: string;
  HOSTNAME: string;
  ORIGIN_KEY: string;
  TOKEN_SIGNING_KEY: string;
  PURGE_KEY: string;
  /** The version of the worker's bundle, which the stack output `worker_version` shows too. */
  VERSION: string;
  METADATA_API?: string;
  METADATA_API_KEY?: string;
  RESERVED_PYTHON_NAMES?: string;
  /** The limits of prefetches as JSON (prediction.ts). Absent when prediction is off. */
  PREDICTION?: string;
  /** Present only if the access logs of shields contain ids of installs (installs.ts). */
  LOG_INSTALLS?: string;
  /** The limits of the memory tier as JSON (memory.ts). Absent when the memory tier is off. */
  MEMORY?: string;
  /** A rate limit for each valid token. The binding counts the requests with the same token by the token's digest. */
  TOKEN_REQUESTS?: RateLimit;
  /** A rate limit for requests with invalid tokens, for each client address. */
  FAILED_TOKENS?: RateLimit;
  /**
   * Set only on our own PoP machines. There, NGINX sends objects from L1 to clients and makes the headers for clients
   * (redirects.ts).
   */
  REDIRECT_TO_L1?: string;
}
