// Requests an object from the shields: first from the node that the object's key maps to, then from the next nodes
// until one answers.

import type { Bindings } from "./bindings";
import { pathOf } from "./l1";
import { candidates, type Place, type Shield } from "./shields";

const FAILED_NODE_MILLISECONDS = 5_000; // how long the worker tries a failed node only after all others
const failedUntil = new Map<string, number>();

let nodes: { text: string; shields: readonly Shield[] } | undefined;

/**
 * Requests an object from one shield node after another, and returns the first response with status 200, 206, 304, 404
 * or 416. Returns undefined when all nodes fail. `conditions` are the request's range and validators.
 */
export async function fetchFromShields(
  key: string,
  method: string,
  conditions: Record<string, string>,
  bindings: Bindings,
  place: Place | undefined,
  now: number,
): Promise<Response | undefined> {
  const headers = new Headers({ ...conditions, "X-Artifact-Edge-Key": bindings.ORIGIN_KEY });
  const order = candidates(shieldsOf(bindings.SHIELDS), key, place);
  const failed = (shield: Shield): boolean => (failedUntil.get(shield.host) ?? 0) > now;
  for (const node of [...order.filter((shield) => !failed(shield)), ...order.filter(failed)]) {
    const answer = await fetchFrom(bindings.SHIELD, node, key, method, headers);
    if (answer !== undefined) {
      failedUntil.delete(node.host);
      return answer;
    }
    failedUntil.set(node.host, now + FAILED_NODE_MILLISECONDS);
  }
  return undefined;
}

/** Returns the node's answer, or undefined when the node cannot be reached or answers with another status. */
async function fetchFrom(
  shield: Fetcher,
  node: Shield,
  key: string,
  method: string,
  headers: Headers,
): Promise<Response | undefined> {
  try {
    const answer = await shield.fetch(`https://${node.host}${pathOf(key)}`, { method, headers, redirect: "manual" });
    if ([200, 206, 304, 404, 416].includes(answer.status)) return answer;
    await answer.body?.cancel();
  } catch {
    // An unreachable node counts as failed, like a node that answers with an error status.
  }
  return undefined;
}

/** Returns the shield nodes in the SHIELDS binding, parsed once: the text never changes in the isolate's life. */
function shieldsOf(text: string): readonly Shield[] {
  if (nodes?.text !== text) nodes = { text, shields: JSON.parse(text) as Shield[] };
  return nodes.shields;
}
