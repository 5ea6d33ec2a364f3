// Cuts a range out of a whole object (RFC 9110, section 14). The worker needs this when a cache ignores the requested
// range. Traffic Server ignores the range if its copy is stale or still incomplete.

import type { Range } from "./conditions";

/** The first and the last byte that a range selects in an object of `size` bytes, counted from 0. */
export interface Bounds {
  first: number;
  last: number;
  size: number;
}

/**
 * Returns the bytes that a range selects in an object of `size` bytes. Returns undefined if the range selects no byte.
 */
export function boundsOf(range: Range, size: number): Bounds | undefined {
  const first = "suffix" in range ? Math.max(0, size - range.suffix) : range.first;
  const last = "suffix" in range ? size - 1 : Math.min(range.last ?? size - 1, size - 1);
  return first > last ? undefined : { first, last, size };
}

/** Returns a response with the status 206 and only the bytes from `first` to `last` of the response `whole`. */
export function partOf(whole: Response, { first, last, size }: Bounds): Response {
  const headers = new Headers(whole.headers);
  const length = last - first + 1;
  headers.set("content-range", `bytes ${first}-${last}/${size}`);
  headers.set("content-length", String(length));
  const body = whole.body?.pipeThrough(cut(first, last)).pipeThrough(new FixedLengthStream(length));
  return new Response(body, { status: 206, headers });
}

/** Forwards the bytes from `first` to `last` of a stream, and then ends the stream. */
function cut(first: number, last: number): TransformStream<Uint8Array, Uint8Array> {
  let position = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const part = chunk.subarray(Math.max(0, first - position), Math.max(0, last + 1 - position));
      position += chunk.length;
      if (part.length > 0) controller.enqueue(part);
      if (position > last) controller.terminate();
    },
  });
}
