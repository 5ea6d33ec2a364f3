// After the response to a client, prefetches the objects that clients are expected to request next. The prefetches
// store the objects in L1, the cache at the edge. An error in a prefetch has no effect on clients.

import { rulingOn } from "./enforcement";
import { allows } from "./grants";
import { type L1, readerOf, type View } from "./l1";
import { type Budget, isWorthFollowing, Predictions, type Waiting } from "./prediction";
import type { ObjectRoute } from "./routes";
import type { RuleSet } from "./rule_sets";
import { type Expected, isFollowed, NEXT_HEADER, successorsOf } from "./successors";

/**
 * The data about a client's request by which the worker decides what to prefetch after the request. `budget` limits the
 * number and the bytes of prefetches.
 */
export interface Cause {
  budget: Budget;
  grants: readonly string[];
  rules: RuleSet | undefined;
  userAgent: string;
  /**
   * Returns a function with which prefetches fetch objects from L1, the cache at the edge. `view` selects what the
   * function returns, such as a document without refused artifacts (l1.ts).
   */
  l1: (view?: View) => L1;
}

/**
 * The remaining budget of one client request: how many prefetches and how many bytes the request may still cause.
 * `running` has the prefetches that the worker has started but not yet awaited.
 */
interface Progress {
  requests: number;
  bytes: number;
  running: Promise<void>[];
}

// The size in bytes of the largest image manifest that the worker reads to find out what clients request next.
const MANIFEST_BYTES = 1 << 20;

const predictions = new Predictions();

/**
 * Returns a function that fetches an object from L1, the cache at the edge, for a client. After the fetch, the function
 * predicts the client's next requests, adds the objects to the prefetch queue, and starts prefetches. `waitUntil` keeps
 * this work running after the response to the client.
 */
export function predicting(wanted: ObjectRoute, l1: L1, cause: Cause, waitUntil: (work: Promise<unknown>) => void): L1 {
  return async (key, method, headers) => {
    const answer = await l1(key, method, headers);
    predictions.earn(cause.budget);
    const document = { route: wanted, range: "" };
    const isStart = answer !== undefined && method === "GET" && isFollowed(wanted) && isWorthFollowing(answer.status, answer.headers);
    const body = isStart && predictions.follow(document, Date.now()) ? bodyOf(wanted, answer) : undefined;
    waitUntil(prefetchAll(document, answer?.headers, body, cause));
    return answer;
  };
}

/**
 * Returns the text of an image manifest, which names the objects that clients request next. Returns an empty string for
 * other documents, and for manifests larger than `MANIFEST_BYTES`. The function reads a copy of the answer's body,
 * because the worker must still send the body to the client.
 */
function bodyOf({ ecosystem }: ObjectRoute, answer: Response): Promise<string> {
  if (ecosystem !== "oci" || Number(answer.headers.get("content-length") ?? Infinity) > MANIFEST_BYTES) return Promise.resolve("");
  return answer.clone().text();
}

async function prefetchAll(
  document: Expected,
  headers: Headers | undefined,
  body: Promise<string> | undefined,
  cause: Cause,
): Promise<void> {
  const { requests, bytes } = cause.budget;
  const progress: Progress = { requests, bytes, running: [] };
  // the worker can now return the response to the client, before it starts prefetches
  await new Promise((done) => setTimeout(done));
  try {
    if (body !== undefined) expect(document, headers?.get(NEXT_HEADER) ?? "", await body, 1, cause);
    start(progress, cause);
  } catch (error) {
    report(error);
  }
  // The loop repeats until no prefetch runs, because each prefetch may start other prefetches.
  for (let running = progress.running.pop(); running !== undefined; running = progress.running.pop()) await running;
}

/**
 * Adds the objects that clients request after a document to the queue of prefetches, if the client's grants allow them.
 */
function expect(document: Expected, list: string, body: string, depth: number, { grants, budget, userAgent }: Cause): void {
  const found = successorsOf(document, list, body, userAgent, budget.objectBytes);
  const permitted = found.filter(({ route }) => allows(grants, route.ecosystem, route.name, "pull"));
  predictions.expect(permitted, depth, Date.now());
}

/** Starts the prefetches of as many objects in the queue as the limits of prefetches allow. */
function start(progress: Progress, cause: Cause): void {
  while (progress.requests > 0 && progress.bytes > 0) {
    const next = predictions.take(cause.budget, Date.now());
    if (next === undefined) return;
    progress.requests -= 1;
    progress.running.push(run(next, progress, cause));
  }
}

async function run(next: Waiting, progress: Progress, cause: Cause): Promise<void> {
  let reachedShield = true;
  try {
    reachedShield = await prefetch(next, progress, cause);
  } catch (error) {
    report(error);
  }
  predictions.done(next, reachedShield);
  start(progress, cause);
}

/**
 * Prefetches an object, and returns whether L1, the cache at the edge, asked a shield (a regional cache) for the
 * object. L1 asks no shield if L1 has a fresh copy, or if the edge policy refuses the object.
 */
async function prefetch({ expected, depth }: Waiting, progress: Progress, cause: Cause): Promise<boolean> {
  const { route } = expected;
  // For a document, `known` lists the objects that clients request next, if the isolate remembers these objects. The
  // worker then does not need to read the document from L1, the cache at the edge. L1 keeps documents for only a few
  // seconds, so a read would often reach a shield.
  const known = predictions.known(nameOf(route, cause), Date.now());
  if (known !== undefined) {
    expect(expected, known, "", depth + 1, cause);
    start(progress, cause);
    return false;
  }
  const l1 = await l1For(route, cause);
  const answer = await l1?.(route.key, "GET", {});
  if (answer === undefined) return l1 !== undefined;
  const isHit = answer.headers.get("cf-cache-status") === "HIT";
  const size = Number(answer.headers.get("content-length") ?? 0);
  const isDocument = isFollowed(route);
  const isTooLarge = size > Math.min(cause.budget.objectBytes, progress.bytes);
  if (answer.status !== 200 || isTooLarge || (isHit && !isDocument)) {
    await answer.body?.cancel();
    return !isHit;
  }
  if (!isHit) progress.bytes -= size;
  const list = answer.headers.get(NEXT_HEADER) ?? "";
  if (route.ecosystem === "oci" && isDocument) {
    expect(expected, list, await answer.text(), depth + 1, cause);
  } else {
    if (isDocument) {
      predictions.know(nameOf(route, cause), list, Date.now());
      expect(expected, list, "", depth + 1, cause);
    }
    start(progress, cause);
    // L1, the cache at the edge, stores an object only if the worker reads the body to the end.
    if (isHit) await answer.body?.cancel();
    else await answer.body?.pipeTo(new WritableStream());
  }
  return !isHit;
}

/**
 * Returns the key under which an isolate stores which objects clients request after the given document. The key
 * contains the id of the rule set (the edge policy's rules for a client), because one rule set may refuse a document
 * that another rule set allows.
 */
function nameOf({ key }: ObjectRoute, { rules }: Cause): string {
  return rules === undefined ? key : `${rules.id} ${key}`;
}

/**
 * Returns a function that fetches the object of a route from L1, the cache at the edge. If the client's edge policy
 * filters the object, which is a document, the function fetches the document without the refused artifacts. Returns
 * undefined if the policy refuses the object, or if the worker cannot find out whether the policy refuses it.
 */
async function l1For(route: ObjectRoute, { rules, l1 }: Cause): Promise<L1 | undefined> {
  if (rules === undefined) return l1();
  const refusals = readerOf(l1({ kind: "refusals", policy: rules.id }));
  const { kind } = await rulingOn(route, rules, readerOf(l1()), refusals, Date.now());
  if (kind === "unaffected") return l1();
  return kind === "filtered" ? l1({ kind: "filtered", policy: rules.id }) : undefined;
}

function report(error: unknown): void {
  console.warn(JSON.stringify({ event: "prediction-failed", reason: String(error) }));
}
