// Fetches an object from the cache L1 with the conditions of a client's request. Builds a response without internal
// headers.

import { headersOf } from "./client_headers";
import { type Conditions, forwarded, rangeIn, type Verdict, verdictOn } from "./conditions";
import { isEmpty, type L1 } from "./l1";
import { boundsOf, partOf } from "./partial_content";
import type { ObjectRoute } from "./routes";

/**
 * Returns the answer to the client's request: 200, 206, 304, 404, 412 or 416. Returns undefined when no shield (a
 * regional cache) answers.
 */
export async function fetchObject(
  route: ObjectRoute,
  method: string,
  conditions: Conditions,
  l1: L1,
): Promise<Response | undefined> {
  const first = await l1(route.key, method, forwarded(conditions));
  if (first?.status === 200 && isEmpty(conditions)) return first;
  if (first === undefined || !requiresWholeObject(conditions, first)) return applyConditions(conditions, first);
  await first.body?.cancel();
  return applyConditions(conditions, await l1(route.key, method, forwarded(conditions, true)));
}

/**
 * Returns whether the worker must request the whole object after a request for a range. There are two reasons. A 416
 * answer may state a wrong size or a wrong version of the object. An If-Range header may name another version of the
 * object.
 */
function requiresWholeObject(conditions: Conditions, answer: Response): boolean {
  return answer.status === 416 || verdictOf(conditions, answer) === "whole";
}

function verdictOf(conditions: Conditions, answer: Response): Verdict {
  return [200, 206, 304].includes(answer.status) ? verdictOn(conditions, answer.status, answer.headers) : "pass";
}

/** Applies the client's conditions and range to `answer`. The result can have the status 206, 304, 412 or 416. */
async function applyConditions(conditions: Conditions, answer: Response | undefined): Promise<Response | undefined> {
  if (answer === undefined) return undefined;
  const verdict = verdictOf(conditions, answer);
  if (verdict === "failed") return instead(answer, { status: 412 });
  if (verdict === "not modified") return instead(answer, { status: 304, headers: answer.headers });
  return answer.status === 200 ? applyRange(conditions, answer) : answer;
}

/** Returns the requested range of a whole object, or the whole object if no range applies. */
async function applyRange(conditions: Conditions, whole: Response): Promise<Response> {
  const range = rangeIn(conditions, whole.headers);
  const size = Number(whole.headers.get("content-length") ?? Number.NaN);
  if (range === undefined || Number.isNaN(size)) return whole;
  // If a client requests the last bytes of an empty object, the answer is the whole object. No Content-Range header can
  // describe a range without bytes.
  if (size === 0 && "suffix" in range && range.suffix > 0) return whole;
  const bounds = boundsOf(range, size);
  if (bounds === undefined) return instead(whole, { status: 416, headers: { "content-range": `bytes */${size}` } });
  // The worker cannot cut a range out of a body with a content encoding. A range counts encoded bytes, and workerd
  // decodes the body when the worker reads it.
  return whole.headers.has("content-encoding") ? whole : partOf(whole, bounds);
}

async function instead(answer: Response, init: ResponseInit): Promise<Response> {
  await answer.body?.cancel();
  return new Response(null, init);
}

/**
 * Returns the response for the client. The response has only headers for clients, a Cache-Control that permits only
 * private caches, and a header that names the tier that answered. `milliseconds` is how long the worker waited for the
 * cache L1.
 */
export function clientResponse(route: ObjectRoute, answer: Response, milliseconds: number): Response {
  return new Response(answer.body, { status: answer.status, headers: headersOf(route, answer, milliseconds) });
}
