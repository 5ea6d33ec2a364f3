// What an isolate knows of each shield node: how long the node takes to answer, and whether it has failed. All times are
// in milliseconds.

export const HEDGE_FLOOR = 300; // above the budget of a fetch from the origin, 250 ms, which a hedge would only double
export const HEDGE_CEILING = 1_000; // also in use until a node has answered often enough
const LEAST_SAMPLES = 50;
const KEPT_SAMPLES = 128; // 1 KB for each node
const FIRST_BACK_OFF = 5_000;
const LONGEST_BACK_OFF = 60_000;
// A node that loses so many hedged requests in a row counts as failed. A node that answers as usual loses 1 in 100.
const LOSSES_OF_A_FAILURE = 3;

interface Health {
  failures: number; // in a row
  losses: number; // in a row
  retryAt: number;
  samples: number[];
}

export class NodeHealth {
  readonly #nodes = new Map<string, Health>();

  /** Returns after how long without an answer of the node to ask another one: the 99th percentile of its last answers. */
  hedgeAfter(node: string): number {
    const samples = this.#nodes.get(node)?.samples ?? [];
    if (samples.length < LEAST_SAMPLES) return HEDGE_CEILING;
    return Math.min(HEDGE_CEILING, Math.max(HEDGE_FLOOR, percentile(samples, 0.99)));
  }

  /** Returns whether the node has failed and is not to be tried before others yet. */
  isBackedOff(node: string, now: number): boolean {
    return (this.#nodes.get(node)?.retryAt ?? 0) > now;
  }

  /** Notes a request to the node. After a failure, only one request tries the node when its back-off ends. */
  started(node: string, now: number): void {
    const health = this.#of(node);
    if (health.failures > 0 && health.retryAt <= now) health.retryAt = now + backOff(health.failures);
  }

  answered(node: string, milliseconds: number): void {
    const health = this.#of(node);
    Object.assign(health, { failures: 0, losses: 0, retryAt: 0 });
    sample(health, milliseconds);
  }

  failed(node: string, now: number): void {
    const health = this.#of(node);
    health.failures += 1;
    health.losses = 0;
    health.retryAt = now + backOff(health.failures);
  }

  /** Notes that another node answered first, while this one had not answered for some milliseconds. */
  lost(node: string, milliseconds: number, now: number): void {
    if (milliseconds < this.hedgeAfter(node)) return; // the node had no more time than it usually needs
    const health = this.#of(node);
    health.losses += 1;
    if (health.failures > 0 || health.losses >= LOSSES_OF_A_FAILURE) this.failed(node, now);
    else sample(health, milliseconds);
  }

  #of(node: string): Health {
    const known = this.#nodes.get(node) ?? { failures: 0, losses: 0, retryAt: 0, samples: [] };
    this.#nodes.set(node, known);
    return known;
  }
}

/** Returns how long a node with so many failures in a row is tried only after others: 5 s, 10 s, and so on up to 60 s. */
function backOff(failures: number): number {
  return Math.min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** (failures - 1));
}

function sample(health: Health, milliseconds: number): void {
  health.samples.push(milliseconds);
  if (health.samples.length > KEPT_SAMPLES) health.samples.shift();
}

/** Returns the smallest sample that at least this part of the samples does not exceed. */
function percentile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.ceil(part * sorted.length) - 1] ?? 0;
}
