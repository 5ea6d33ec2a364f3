// Decides which objects the worker prefetches into L1, the cache at the edge, and how many. The data for these
// decisions is in the isolate's memory, and describes objects but no clients. A prefetch never answers a client, so
// prefetches do not change which objects a client can get.

import { setBounded } from "./bounded_map";
import { PREDICTED_HEADER } from "./l1";
import { settingOf } from "./settings";
import { type Expected, isFollowed, isUrgent } from "./successors";

/** The limits of prefetches, from the binding PREDICTION (docs/contracts.md). */
export interface Budget {
  /** The maximum number of prefetches that the worker runs after one request of a client. */
  requests: number;
  /** The maximum number of prefetches that an isolate runs at the same time. */
  inFlight: number;
  /** The maximum number of bytes that the worker prefetches after one request of a client. */
  bytes: number;
  /** The size of the largest object that the worker prefetches, in bytes. */
  objectBytes: number;
  /** The average number of prefetches to shields that each request of a client permits. Shields are regional caches. */
  share: number;
}

// The maximum of `#allowance`, which is the number of prefetches that may still reach shields. The maximum is large
// enough for the prefetches of one large install.
const BURST = 1_000;
const DEPTH = 16; // the longest chain of dependencies that the worker follows from the requested document
// Objects wait for their prefetch in two queues, one for documents and one for files. This is the maximum number of
// objects in each queue.
const QUEUED = 2_000;
// The maximum number of milliseconds that an object waits in the queue of prefetches. After this time, clients no
// longer need the object. A started prefetch is treated as ended after the same time, because 30 s after a response,
// the runtime ends all remaining work of the request, and does not tell the worker.
const WAIT_MILLISECONDS = 30_000;
// After an isolate has queued a prefetch of a file, it does not prefetch the file again for this number of
// milliseconds. An install rarely takes longer.
const FILE_MILLISECONDS = 600_000;
// An isolate waits for this number of milliseconds before it prefetches a document again. For 65 s, L1, the cache at
// the edge, answers with its copy of a document and does not wait for a shield, a regional cache
// (registry/catalog/artifact.py, MUTABLE: `max-age` and `stale-while-revalidate`). A prefetch within this time would
// only make L1 ask a shield whether the copy is current.
//
// For the same time, the isolate remembers which objects clients request after the document, so it can prefetch these
// objects without reading the document again.
const DOCUMENT_MILLISECONDS = 65_000;
// The maximum number of documents for which an isolate remembers a list of what clients request next. These lists take
// less than 4 MB.
const LISTS = 1_000;
const REMEMBERED = 20_000; // the maximum number of entries in `#recent`, which holds recently prefetched objects

/**
 * An object that waits for its prefetch, or whose prefetch runs. `until` is a time limit. If the prefetch has not
 * started by then, the worker drops the object. If the prefetch still runs then, the worker no longer treats it as
 * running.
 */
export interface Waiting {
  expected: Expected;
  depth: number;
  until: number;
}

/**
 * Parses the value of the binding PREDICTION, which limits the worker's prefetches. Returns undefined if the worker
 * does not have this binding. Prediction is then off.
 */
export const budgetIn = settingOf(
  ({ requests, in_flight: inFlight, bytes, object_bytes: objectBytes, share }) =>
    ({ requests, inFlight, bytes, objectBytes, share }) as Budget,
);

/**
 * The queues of objects that an isolate expects clients to request, and the isolate's remaining budget: how many
 * prefetches it may still send to shields (regional caches).
 */
export class Predictions {
  readonly #urgent: Waiting[] = [];
  readonly #files: Waiting[] = [];
  readonly #recent = new Map<string, number>();
  readonly #lists = new Map<string, { list: string; until: number }>();
  #allowance = BURST;
  #running = new Set<Waiting>();

  /**
   * Allows the worker more prefetches that reach shields (regional caches). The worker calls this method for each
   * authorized request of a client.
   */
  earn({ share }: Budget): void {
    this.#allowance = Math.min(BURST, this.#allowance + share);
  }

  /**
   * Returns whether the worker should prefetch what clients request after this document. Returns true at most once in
   * DOCUMENT_MILLISECONDS for a document. Returns false if the isolate queued a prefetch of the document itself in this
   * time.
   */
  follow({ route }: Expected, now: number): boolean {
    return this.#isNew(route.key, DOCUMENT_MILLISECONDS, now);
  }

  /** Adds objects to the queue of prefetches, except for those that the isolate has prefetched recently. */
  expect(found: readonly Expected[], depth: number, now: number): void {
    if (depth > DEPTH) return;
    for (const expected of found) {
      const queue = isUrgent(expected.route) ? this.#urgent : this.#files;
      if (queue.length >= QUEUED) continue;
      const { key } = expected.route;
      // Clients can request the same document for different ranges of versions. Each range may select another version
      // with other files and dependencies, so each range needs a prefetch of its own.
      const isDocument = isFollowed(expected.route);
      const name = isDocument ? `${key} ${expected.range}` : key;
      if (!this.#isNew(name, isDocument ? DOCUMENT_MILLISECONDS : FILE_MILLISECONDS, now)) continue;
      if (isDocument) this.#isNew(key, DOCUMENT_MILLISECONDS, now);
      queue.push({ expected, depth, until: now + WAIT_MILLISECONDS });
    }
  }

  /**
   * Returns the next object to prefetch, and records that its prefetch runs. Documents come before files. Returns
   * undefined when no object waits, too many prefetches run, or shields (regional caches) may get no further prefetch.
   */
  take({ inFlight }: Budget, now: number): Waiting | undefined {
    for (const running of this.#running) if (running.until < now) this.#running.delete(running);
    if (this.#running.size >= inFlight || this.#allowance < 1) return undefined;
    for (const queue of [this.#urgent, this.#files]) {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        if (next.until < now) continue;
        const running = { ...next, until: now + WAIT_MILLISECONDS };
        this.#running.add(running);
        this.#allowance -= 1;
        return running;
      }
    }
    return undefined;
  }

  /**
   * Records the end of a prefetch. If L1, the cache at the edge, had the object (`reachedShield` is false), the
   * prefetch does not reduce the allowance. The allowance limits only prefetches that reach shields.
   */
  done(running: Waiting, reachedShield: boolean): void {
    this.#running.delete(running);
    if (!reachedShield) this.#allowance = Math.min(BURST, this.#allowance + 1);
  }

  /**
   * Stores the list of the objects that clients probably request after the document `key`, so that the worker can
   * prefetch them. The registry wrote this list into the document's metadata when it published the document.
   */
  know(key: string, list: string, now: number): void {
    this.#lists.delete(key);
    setBounded(this.#lists, key, { list, until: now + DOCUMENT_MILLISECONDS }, LISTS);
  }

  /**
   * Returns the list that `know` has stored for a document. The list names what clients request after the document.
   * `key` is the document's key. Returns undefined if the isolate has no such list, or if the list is too old.
   */
  known(key: string, now: number): string | undefined {
    const found = this.#lists.get(key);
    return found !== undefined && found.until > now ? found.list : undefined;
  }

  #isNew(name: string, milliseconds: number, now: number): boolean {
    const until = this.#recent.get(name) ?? 0;
    if (until > now) return false;
    this.#recent.delete(name);
    setBounded(this.#recent, name, now + milliseconds, REMEMBERED);
    return true;
  }
}

/**
 * Returns whether the worker prefetches what clients request after a document. `status` and `headers` are from the
 * answer of L1, the cache at the edge, with the document. The result is false if L1 stored the document for an earlier
 * client request, because that request has already caused the prefetches.
 */
export function isWorthFollowing(status: number, headers: Headers): boolean {
  return status === 200 && (headers.get("cf-cache-status") !== "HIT" || headers.has(PREDICTED_HEADER));
}
