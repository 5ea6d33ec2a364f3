// The worker's bindings (docs/contracts.md, "Between the tiers").

export interface Bindings {
  ENTITLEMENTS: KVNamespace;
  SHIELD: Fetcher;
  SHIELDS: string;
  HOSTNAME: string;
  ORIGIN_KEY: string;
  TOKEN_SIGNING_KEY: string;
  PURGE_KEY: string;
  /** Identifies the bundle, as the stack output `worker_version` does. */
  VERSION: string;
  METADATA_API?: string;
  METADATA_API_KEY?: string;
  RESERVED_PYTHON_NAMES?: string;
}
