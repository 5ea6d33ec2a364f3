// If the stack logs installs, adds an install id to each request to a shield (a regional cache). An install id is a
// pseudonym of a client for ten minutes. Shields log the id (docs/access-logs.md), and the model of which packages
// clients download together is trained from these logs.

import { createHmac } from "node:crypto";

import type { Bindings } from "./bindings";
import type { ShieldFlags } from "./experiments";

type InstallFlag = Pick<ShieldFlags, "install">;

/** The name of the request header whose value is an install id (a pseudonym of the client), or `prefetch`. */
export const INSTALL_HEADER = "X-Artifact-Edge-Install";
const NO_INSTALL: InstallFlag = {};
const PREFETCH: InstallFlag = { install: "prefetch" };
// The period after which each principal gets a new install id, the pseudonym of a client in logs.
const SLOT_MILLISECONDS = 600_000;
const CHARACTERS = 32; // the length of an install id: 128 bits in hex
const REMEMBERED = 10_000; // the maximum number of install ids in memory (about 1 MB)

let slot = 0;
const ids = new Map<string, string>();

/**
 * Returns the flag `install`, with which the worker sends the client's install id to shields (regional caches). Returns
 * an object without this flag if the stack logs no installs. The install id of a principal changes every 10 minutes.
 * Shields cannot find out the principal of an id, because they lack the token signing key.
 */
export function installFlag({ LOG_INSTALLS, TOKEN_SIGNING_KEY: key }: Bindings, principal: string, now: number): InstallFlag {
  if (LOG_INSTALLS === undefined) return NO_INSTALL;
  const current = Math.floor(now / SLOT_MILLISECONDS);
  if (current !== slot || ids.size >= REMEMBERED) ids.clear();
  slot = current;
  const known = ids.get(principal);
  if (known !== undefined) return { install: known };
  // `key` also signs sessions, which are JWTs. The text that this code signs begins with `install`, and no JWT begins
  // with `install`. An install id is therefore never a signature of a JWT.
  const id = createHmac("sha256", key).update(`install ${slot} ${principal}`).digest("hex").slice(0, CHARACTERS);
  ids.set(principal, id);
  return { install: id };
}

/**
 * Returns the flag `install` with the value that marks a request as a prefetch in the shields' logs. Returns an object
 * without this flag if the stack logs no installs.
 */
export function prefetchFlag({ LOG_INSTALLS }: Bindings): InstallFlag {
  return LOG_INSTALLS === undefined ? NO_INSTALL : PREFETCH;
}
