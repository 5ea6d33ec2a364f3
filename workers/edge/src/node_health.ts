// Records for each shield node (a machine of a regional cache), in the isolate's memory, how long the node takes to
// answer and whether it has failed. All times are in milliseconds.

// The shortest time in milliseconds that the worker waits for a shield node (a machine of a regional cache) before it
// sends a hedged request. A shield needs 250 ms for a normal fetch from the origin. A shorter time would therefore
// cause a second request for each such fetch.
export const HEDGE_FLOOR = 300;
// The longest time in milliseconds that the worker waits for a shield node (a machine of a regional cache) before it
// sends a hedged request. The worker also waits for this time if it has recorded fewer than LEAST_SAMPLES response
// times of the node.
export const HEDGE_CEILING = 1_000;
const LEAST_SAMPLES = 50;
// An isolate keeps the last 128 response times of each shield node. The times of one node take 1 KB.
const KEPT_SAMPLES = 128;
const FIRST_BACK_OFF = 5_000;
const LONGEST_BACK_OFF = 60_000;
// The number of lost hedged requests in a row after which a shield node is treated as failed. A node loses a hedged
// request when another node answers first. A node with normal response times loses about 1 of 100 requests.
const LOSSES_OF_A_FAILURE = 3;

interface Health {
  failures: number; // how many times in a row requests to the shield node have failed
  losses: number; // how many hedged requests in a row the shield node lost, because another node answered first
  failedAt: number;
  retryAt: number;
  samples: number[];
}

export class NodeHealth {
  readonly #nodes = new Map<string, Health>();

  /**
   * Returns how long to wait for a shield node's answer before the worker sends a hedged request to another node: the
   * 99th percentile of the node's latest response times.
   */
  hedgeAfter(node: string): number {
    const samples = this.#nodes.get(node)?.samples ?? [];
    if (samples.length < LEAST_SAMPLES) return HEDGE_CEILING;
    return Math.min(HEDGE_CEILING, Math.max(HEDGE_FLOOR, percentile(samples, 0.99)));
  }

  /**
   * Returns whether a failed shield node is still in its back-off time. During this time, the worker tries other nodes
   * first.
   */
  isBackedOff(node: string, now: number): boolean {
    return (this.#nodes.get(node)?.retryAt ?? 0) > now;
  }

  /**
   * Records the start of a request to the shield node. If the node has failed and its back-off time is over, this
   * request tests the node. Until the node answers, other requests still prefer other nodes, because the test starts
   * another back-off time.
   */
  started(node: string, now: number): void {
    const health = this.#of(node);
    if (health.failures > 0 && health.retryAt <= now) health.retryAt = now + backOff(health.failures);
  }

  answered(node: string, milliseconds: number): void {
    const health = this.#of(node);
    Object.assign(health, { failures: 0, losses: 0, retryAt: 0 });
    sample(health, milliseconds);
  }

  /**
   * Records a failed request to the shield node `node` (a machine of a regional cache). `milliseconds` is the time from
   * the start of the request to its failure. Simultaneous requests that fail are recorded as one failure.
   */
  failed(node: string, milliseconds: number, now: number): void {
    const health = this.#of(node);
    if (now - milliseconds < health.failedAt) return;
    health.failures += 1;
    health.losses = 0;
    health.failedAt = now;
    health.retryAt = now + backOff(health.failures);
  }

  /**
   * Records that another node answered a hedged request before this shield node. `milliseconds` is the time since the
   * start of the request to this node.
   */
  lost(node: string, milliseconds: number, now: number): void {
    // If the request to this node ran for less time than `hedgeAfter`, the node might still have answered in its usual
    // time. The other node's earlier answer then says nothing about this node's health.
    if (milliseconds < this.hedgeAfter(node)) return;
    const health = this.#of(node);
    health.losses += 1;
    if (health.failures > 0 || health.losses >= LOSSES_OF_A_FAILURE) this.failed(node, milliseconds, now);
    else sample(health, milliseconds);
  }

  #of(node: string): Health {
    const known = this.#nodes.get(node) ?? { failures: 0, losses: 0, failedAt: -Infinity, retryAt: 0, samples: [] };
    this.#nodes.set(node, known);
    return known;
  }
}

/**
 * Returns the back-off time of a shield node after a number of failures in a row. The back-off is 5 s after the first
 * failure. Each further failure doubles it, up to 60 s.
 */
function backOff(failures: number): number {
  return Math.min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** (failures - 1));
}

function sample(health: Health, milliseconds: number): void {
  health.samples.push(milliseconds);
  if (health.samples.length > KEPT_SAMPLES) health.samples.shift();
}

/** Returns a percentile of the samples by the nearest-rank method. `part` is 0.99 for the 99th percentile. */
function percentile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.ceil(part * sorted.length) - 1] ?? 0;
}
