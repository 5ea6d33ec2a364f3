// Requests an object from the shields (regional caches). The first request goes to the node that the object's key maps
// to. Another node gets the same request when the first node fails or is slower than usual.

import type { Bindings } from "./bindings";
import type { ShieldFlags } from "./experiments";
import { type Attempt, firstAnswer, systemClock } from "./hedging";
import { INSTALL_HEADER } from "./installs";
import { pathOf } from "./l1";
import { NodeHealth } from "./node_health";
import { attempted, candidates, type Place, preferring, type Shield } from "./shields";

// the maximum time to wait for the first byte of the response of a shield node (a regional cache)
const FIRST_BYTE_MILLISECONDS = 2_000;
// The maximum time to wait for the first byte from the last shield node (a machine of a regional cache) that the worker
// tries. This limit is higher than the limit for the other nodes: when no further node can answer, a late answer is
// better than an error. It is lower than pip's timeout of 15 s.
const LAST_FIRST_BYTE_MILLISECONDS = 10_000;

const health = new NodeHealth();
let nodes: { text: string; shields: readonly Shield[] } | undefined;

/**
 * Requests an object from shield nodes (machines of regional caches), and returns the first response with status 200,
 * 206, 304, 404 or 416. Returns undefined when no node sends such a response. `conditions` contains the request's
 * headers for ranges and validators. `shieldPool` and `hedging` are flags from the variants of experiments to which the
 * client is assigned.
 */
export async function fetchFromShields(
  key: string,
  method: string,
  conditions: Record<string, string>,
  bindings: Bindings,
  place: Place | undefined,
  { shieldPool = [], hedging, install }: ShieldFlags,
): Promise<Response | undefined> {
  const headers = new Headers({ ...conditions, "X-Artifact-Edge-Key": bindings.ORIGIN_KEY });
  if (install !== undefined) headers.set(INSTALL_HEADER, install);
  const preferred = preferring(candidates(shieldsOf(bindings.SHIELDS), key, place), shieldPool);
  const order = attempted(preferred, (node) => health.isBackedOff(node.host, Date.now()));
  const attempts = order.map((node, index): Attempt<Response> => ({
    start: (signal) => {
      health.started(node.host, Date.now());
      return fetchFrom(bindings.SHIELD, node, key, { method, headers, redirect: "manual", signal });
    },
    // Without hedging, the worker sends the request to the next shield node only after the current node has failed.
    hedgeAfter: hedging ? health.hedgeAfter(node.host) : LAST_FIRST_BYTE_MILLISECONDS,
    limit: index === order.length - 1 ? LAST_FIRST_BYTE_MILLISECONDS : FIRST_BYTE_MILLISECONDS,
    ended: (outcome, milliseconds) => {
      if (outcome === "answered") health.answered(node.host, milliseconds);
      else if (outcome === "failed") health.failed(node.host, milliseconds, Date.now());
      else health.lost(node.host, milliseconds, Date.now());
    },
  }));
  return firstAnswer(attempts, (answer) => void answer.body?.cancel(), systemClock);
}

/** Returns the response of a shield node, or undefined if the response has a status that the worker cannot use. */
async function fetchFrom(
  shield: Fetcher,
  node: Shield,
  key: string,
  request: RequestInit,
): Promise<Response | undefined> {
  const answer = await shield.fetch(`https://${node.host}${pathOf(key)}`, request);
  if ([200, 206, 304, 404, 416].includes(answer.status)) return answer;
  await answer.body?.cancel();
  return undefined;
}

/**
 * Returns the shield nodes (machines of regional caches) that the binding SHIELDS lists. `text` is the value of the
 * binding. The function parses it once, because it never changes during an isolate's life.
 */
function shieldsOf(text: string): readonly Shield[] {
  if (nodes?.text !== text) nodes = { text, shields: JSON.parse(text) as Shield[] };
  return nodes.shields;
}
