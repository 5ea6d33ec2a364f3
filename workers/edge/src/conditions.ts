// Conditions and ranges of a request (RFC 9110, sections 13 and 14). The edge worker checks each answer against the
// conditions itself, because the caches and the origin do not support the same conditions.

import { parseHttpDate } from "./http_dates";

/** The conditions and the range of a client's request, without header fields that a server must ignore (RFC 9110). */
export interface Conditions {
  ifMatch?: string;
  ifUnmodifiedSince?: number;
  ifNoneMatch?: string;
  ifModifiedSince?: number;
  range?: Range;
  ifRange?: string;
}

/** One range of bytes: from `first` to `last`, from `first` on, or the last `suffix` bytes. */
export type Range = { first: number; last?: number } | { suffix: number };

/**
 * What the worker does with an answer of the cache or the origin. "pass": the worker sends the answer to the client.
 * "not modified": the worker tells the client that the client's copy is current (304). "failed": the worker reports a
 * failed condition (412). "whole": the worker requests the object again without a range.
 */
export type Verdict = "pass" | "not modified" | "failed" | "whole";

// Without one of these headers, a request has no conditions and no range. If-Range is only used together with Range.
const HEADERS = ["if-match", "if-none-match", "if-unmodified-since", "if-modified-since", "range"];
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

export function conditionsOf(method: string, headers: Headers): Conditions {
  return HEADERS.some((name) => headers.has(name)) ? parsed(method, headers) : {};
}

function parsed(method: string, headers: Headers): Conditions {
  const [ifMatch, ifNoneMatch] = [headers.get("if-match"), headers.get("if-none-match")];
  const ifUnmodifiedSince = ifMatch === null ? parseHttpDate(headers.get("if-unmodified-since")) : undefined;
  const ifModifiedSince = ifNoneMatch === null ? parseHttpDate(headers.get("if-modified-since")) : undefined;
  const range = method === "GET" ? rangeOf(headers.get("range")) : undefined;
  const ifRange = range === undefined ? null : headers.get("if-range");
  return {
    ...(ifMatch === null ? {} : { ifMatch }),
    ...(ifUnmodifiedSince === undefined ? {} : { ifUnmodifiedSince }),
    ...(ifNoneMatch === null ? {} : { ifNoneMatch }),
    ...(ifModifiedSince === undefined ? {} : { ifModifiedSince }),
    // A range with If-Range applies only if the validator in If-Range matches by a strong comparison. Some validators,
    // such as weak ETags, never match this way, so the worker ignores the range.
    ...(range === undefined || (ifRange !== null && !canMatch(ifRange)) ? {} : { range, ...(ifRange === null ? {} : { ifRange }) }),
  };
}

/**
 * Returns the byte range that a Range header names. Returns undefined if the header has another unit, several ranges or
 * invalid syntax. The client then gets the whole object (RFC 9110, section 14.2).
 */
function rangeOf(header: string | null): Range | undefined {
  const [, first = "", last = ""] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? "") ?? [];
  if (first === "") return last === "" ? undefined : { suffix: position(last) };
  if (last === "") return { first: position(first) };
  return position(last) < position(first) ? undefined : { first: position(first), last: position(last) };
}

function position(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

function canMatch(ifRange: string): boolean {
  return ifRange.startsWith('"') ? ETAG.test(ifRange) : parseHttpDate(ifRange) !== undefined;
}

/**
 * Returns the conditional headers and the header Range for the worker's request to the cache or the origin. With
 * `whole`, leaves out Range.
 *
 * The worker evaluates If-Range itself and never sends it. On a miss, Traffic Server ignores If-Range. It does not even
 * answer a request with If-Range whose range begins beyond the end of the object.
 */
export function forwarded(conditions: Conditions, whole = false): Record<string, string> {
  const { ifNoneMatch, ifModifiedSince, range } = conditions;
  return {
    ...(ifNoneMatch === undefined ? {} : { "if-none-match": ifNoneMatch }),
    ...(ifModifiedSince === undefined ? {} : { "if-modified-since": new Date(ifModifiedSince).toUTCString() }),
    ...(range === undefined || whole ? {} : { range: rangeText(range) }),
  };
}

function rangeText(range: Range): string {
  return "suffix" in range ? `bytes=-${range.suffix}` : `bytes=${range.first}-${range.last ?? ""}`;
}

/**
 * Checks the client's conditions for a response with status 200, 206 or 304, in the order of RFC 9110, section 13.2.2.
 */
export function verdictOn(conditions: Conditions, status: number, answer: Headers): Verdict {
  const etag = answer.get("etag");
  const modified = parseHttpDate(answer.get("last-modified"));
  const { ifMatch, ifUnmodifiedSince, ifNoneMatch, ifModifiedSince, ifRange } = conditions;
  if (ifMatch !== undefined && !lists(ifMatch, etag, isStrong)) return "failed";
  if (ifUnmodifiedSince !== undefined && modified !== undefined && modified > ifUnmodifiedSince) return "failed";
  if (status === 304) return "not modified";
  if (ifNoneMatch !== undefined && isListed(ifNoneMatch, etag)) return "not modified";
  if (ifModifiedSince !== undefined && modified !== undefined && modified <= ifModifiedSince) return "not modified";
  if (status === 206 && ifRange !== undefined && !isCurrent(ifRange, answer)) return "whole";
  return "pass";
}

/**
 * Returns whether If-Range names the same version of the object as the answer's headers. The comparison is strong (RFC
 * 9110, section 13.1.5).
 */
function isCurrent(ifRange: string, answer: Headers): boolean {
  const [etag, modified, date] = ["etag", "last-modified", "date"].map((name) => answer.get(name));
  if (ifRange.startsWith('"')) return etag === ifRange;
  const [since, then] = [parseHttpDate(modified ?? null), parseHttpDate(date ?? null)];
  // Last-Modified is a strong validator when the answer's Date is at least a second later (RFC 9110, section 8.8.2.2).
  return since !== undefined && since === parseHttpDate(ifRange) && then !== undefined && then - since >= 1000;
}

/**
 * Returns the byte range that the client requests. `whole` contains the headers of a response with the whole object. If
 * If-Range names another version than this response, the result is undefined (RFC 9110, section 13.1.5).
 */
export function rangeIn({ range, ifRange }: Conditions, whole: Headers): Range | undefined {
  return ifRange === undefined || isCurrent(ifRange, whole) ? range : undefined;
}

/** Returns whether an If-None-Match header lists the entity tag, by a weak comparison (RFC 9110, section 13.1.2). */
export function isListed(header: string, etag: string | null): boolean {
  return lists(header, etag, () => true);
}

function lists(header: string, etag: string | null, comparable: (tag: string) => boolean): boolean {
  if (header.trim() === "*") return true;
  if (etag === null || !comparable(etag)) return false;
  const tags = header.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => comparable(tag) && opaque(tag) === opaque(etag));
}

function isStrong(tag: string): boolean {
  return !tag.startsWith("W/");
}

function opaque(tag: string): string {
  return tag.replace(/^W\//, "");
}
