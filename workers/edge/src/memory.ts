// The memory tier of the edge worker. Each isolate keeps small immutable objects in its own memory if clients request
// them often. Requests for these objects then do not reach L1, the cache at the edge. Before the worker reads the
// memory, it authorizes the client, and checks the list of withdrawals and the edge policy. The memory therefore does
// not change which objects a client can get.

import { setBounded } from "./bounded_map";
import { isImmutable } from "./client_headers";
import { isEmpty, type L1 } from "./l1";
import { settingOf } from "./settings";

/**
 * The limits of the memory tier, the object cache in each isolate's memory. They come from the binding MEMORY
 * (docs/contracts.md).
 */
export interface MemoryLimits {
  /** The maximum size of all objects in the memory of one isolate together, in bytes. */
  bytes: number;
  /** The maximum size of one object in the memory of an isolate, in bytes. */
  objectBytes: number;
}

/**
 * An object in the isolate's memory. `headers` are the headers of the response to clients. `stored` is the time at
 * which L1, the cache at the edge, sent the object. `age` is the age in seconds that the object had at that time. The
 * isolate uses the object until the time `until`.
 */
interface Kept {
  headers: Headers;
  age: number;
  /**
   * The age of the isolate's copy, in whole seconds, when the isolate last sent the object to a client. The Age header
   * in `headers` includes these seconds.
   */
  seconds: number;
  body: ArrayBuffer;
  stored: number;
  until: number;
}

// The isolate uses an object from memory for this number of milliseconds. A purge removes objects from L1, the cache at
// the edge, and from the isolate that handles the purge request. All other isolates may use a purged object until this
// time has passed.
const FRESH_MILLISECONDS = 4_000;
// The isolate keeps an object only if clients request it twice within this number of milliseconds. Without this
// condition, the objects of one large install would displace the objects that many clients request.
const HOT_MILLISECONDS = 10_000;
const SEEN_MAX = 10_000; // the maximum number of object keys that the map `#seen` of the class Memory holds
// The assumed number of bytes of an object's headers and key. These bytes and the object's body count towards the limit
// of the memory that an isolate may use for objects.
const OVERHEAD_BYTES = 2_000;
// The headers of a response from memory. `x-cache` names the tier that answered. The worker waits for no other tier, so
// the duration in `server-timing` is zero.
const FROM_MEMORY = { "x-cache": "memory; hit", "server-timing": "edge;dur=0" };

/**
 * Parses the value of the binding MEMORY, which limits the objects in an isolate's memory. Returns undefined if the
 * worker does not have this binding. Isolates then keep no objects.
 */
export const memoryLimitsIn = settingOf(
  ({ bytes, object_bytes: objectBytes }) => ({ bytes, objectBytes }) as MemoryLimits,
);

/** The objects in the memory of an isolate. When the memory is full, the oldest objects are removed. */
export class Memory {
  readonly #objects = new Map<string, Kept>();
  // Maps the key of each object to the time of the last request that did not find the object in memory.
  readonly #seen = new Map<string, number>();
  #bytes = 0;

  /** The number of bytes that the objects in memory occupy. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Returns a response with the object in memory that has this key. Returns undefined when the isolate has no such
   * object, or has kept it for too long.
   */
  response(key: string, now: number): Response | undefined {
    const kept = this.#objects.get(key);
    if (kept === undefined) return undefined;
    if (kept.until <= now) {
      this.#forget(key);
      return undefined;
    }
    const seconds = Math.floor((now - kept.stored) / 1000);
    // The Age header is set only if the age has changed. workerd takes longer to set one header than to copy all
    // headers to a response.
    if (seconds !== kept.seconds) {
      kept.seconds = seconds;
      kept.headers.set("age", String(kept.age + seconds));
    }
    return new Response(kept.body, { headers: kept.headers });
  }

  /**
   * Records a request for the object with this key. Returns whether the previous request for the object came at most
   * HOT_MILLISECONDS earlier.
   */
  isHot(key: string, now: number): boolean {
    const last = this.#seen.get(key);
    this.#seen.delete(key);
    setBounded(this.#seen, key, now, SEEN_MAX);
    return last !== undefined && now - last <= HOT_MILLISECONDS;
  }

  /**
   * Keeps an object in memory. `given` contains the headers of the response to clients. The method replaces the values
   * of `x-cache` and `server-timing`, because they depend on the tier that answers.
   */
  keep(key: string, given: Record<string, string>, body: ArrayBuffer, limits: MemoryLimits, now: number): void {
    this.#forget(key);
    const age = Number(given["age"] ?? 0);
    const headers = new Headers({ ...given, ...FROM_MEMORY, age: String(age) });
    this.#objects.set(key, { headers, age, seconds: 0, body, stored: now, until: now + FRESH_MILLISECONDS });
    this.#bytes += body.byteLength + OVERHEAD_BYTES;
    for (const oldest of this.#objects.keys()) {
      if (this.#bytes <= limits.bytes) return;
      this.#forget(oldest);
    }
  }

  clear(): void {
    for (const key of [...this.#objects.keys()]) this.#forget(key);
  }

  #forget(key: string): void {
    const kept = this.#objects.get(key);
    if (kept === undefined) return;
    this.#objects.delete(key);
    this.#bytes -= kept.body.byteLength + OVERHEAD_BYTES;
  }
}

const memory = new Memory();

/** Removes all objects from this isolate's memory, as part of a purge of L1, the cache at the edge. */
export function clearMemory(): void {
  memory.clear();
}

/**
 * Returns a function that looks for an object in the isolate's memory first, and otherwise fetches it with `l1` from
 * the cache at the edge. The memory keeps small immutable objects that clients request often, together with the headers
 * for clients. `headersOf` derives these headers from the response of `l1`.
 *
 * The returned function calls `found` with each response from memory. If `limits` is undefined, the isolate keeps no
 * objects, and the result is `l1` itself.
 */
export function fromMemory(
  l1: L1,
  limits: MemoryLimits | undefined,
  headersOf: (answer: Response) => Record<string, string>,
  found: (answer: Response) => void,
): L1 {
  if (limits === undefined) return l1;
  return async (key, method, headers) => {
    if (method !== "GET" || !isEmpty(headers)) return l1(key, method, headers);
    const kept = memory.response(key, Date.now());
    if (kept !== undefined) {
      found(kept);
      return kept;
    }
    const isHot = memory.isHot(key, Date.now());
    const answer = await l1(key, method, headers);
    if (!isHot || answer === undefined || !isKeepable(answer, limits)) return answer;
    const body = await answer.arrayBuffer().catch(() => undefined);
    // L1, the cache at the edge, did not send its whole answer, so the worker requests the object from L1 again.
    if (body === undefined) return l1(key, method, headers);
    memory.keep(key, headersOf(answer), body, limits, Date.now());
    return new Response(body, { headers: answer.headers });
  };
}

/**
 * Returns whether the isolate may keep the object in this answer. Returns false for a body with a content encoding,
 * because the runtime decodes such a body when the worker reads it.
 */
function isKeepable(answer: Response, { objectBytes }: MemoryLimits): boolean {
  const { status, headers } = answer;
  const length = headers.get("content-length");
  if (status !== 200 || length === null || Number(length) > objectBytes) return false;
  return !headers.has("content-encoding") && isImmutable(answer);
}
