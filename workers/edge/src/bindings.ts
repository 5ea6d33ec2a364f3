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
  /**
   * Limits how many requests with the same valid token the worker answers in a period. The binding counts requests by
   * the digest of their token.
   */
  TOKEN_REQUESTS?: RateLimit;
  /** Limits how many requests with invalid tokens the worker answers for each client address in a period. */
  FAILED_TOKENS?: RateLimit;
  /**
   * Set only on our own PoP machines, where NGINX sends objects from L1 to clients (redirects.ts), and makes the
   * headers for clients.
   */
  REDIRECT_TO_L1?: string;
}
