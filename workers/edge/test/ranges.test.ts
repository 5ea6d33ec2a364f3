// Tests conditional and range requests (RFC 9110, sections 13 and 14). Clients get correct answers from the edge worker
// even when the cache that the worker queries supports only a part of the specification.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { request } from "node:http";
import { beforeEach, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";

import { bearer, edge, grant, l1Requests, stub } from "./edge";

const FILE = "/npm/web/-/web-1.0.0.tgz";
const BODY = Buffer.from("0123456789".repeat(10));
const NOW = "Thu, 26 Nov 2026 12:00:00 GMT";
const MODIFIED = "Thu, 26 Nov 2026 11:00:00 GMT";
const EARLIER = "Thu, 26 Nov 2026 10:59:59 GMT";

interface Stored {
  body: Buffer;
  etag?: string;
  modified?: string;
  date?: string;
  headers?: Record<string, string>;
}

interface Seen {
  status: number;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

/** Emulates a cache that supports single ranges but no conditions. RFC 9110, section 14.2, allows such a cache. */
function cacheWithoutConditions(stored: Stored): (asked: IncomingMessage, response: ServerResponse) => void {
  return (asked, response) => {
    const { body, etag = '"v1"', modified = MODIFIED, date = NOW } = stored;
    const headers = { etag, "last-modified": modified, date, "cache-control": "public, max-age=5", ...stored.headers };
    const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(asked.headers.range ?? "") ?? [];
    const start = first ? Number(first) : Math.max(0, body.length - Number(last));
    const end = first && last ? Math.min(Number(last) + 1, body.length) : body.length;
    if (first === undefined) response.writeHead(200, { ...headers, "content-length": body.length }).end(body);
    else if (start >= body.length || start >= end) response.writeHead(416).end("<Error/>");
    else {
      const part = body.subarray(start, end);
      const range = `bytes ${start}-${end - 1}/${body.length}`;
      response.writeHead(206, { ...headers, "content-range": range, "content-length": part.length }).end(part);
    }
  };
}

/** Sends the request with the HTTP client of Node.js, which neither decodes bodies nor adds header fields. */
async function ask(headers: Record<string, string>, method = "GET", path = FILE): Promise<Seen> {
  return new Promise((done, failed) => {
    const sent = request(edge + path, { method, headers: { ...bearer("reader"), ...headers } }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer);
      done({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) });
    });
    sent.on("error", failed).end();
  });
}

const range = (value: string, more: Record<string, string> = {}): Record<string, string> => ({ range: value, ...more });
const shown = ({ status, body }: Seen): string => `${status} ${body.toString()}`;
const whole = `200 ${BODY.toString()}`;

beforeEach(() => {
  grant("reader", ["npm:*:pull", "pypi:*:pull", "oci:*:pull"]);
  stub.l1 = cacheWithoutConditions({ body: BODY });
});

test("one range of bytes is 206 with the bytes and their position", async () => {
  const table: [string, string, string][] = [
    ["bytes=0-4", "01234", "bytes 0-4/100"],
    ["bytes=98-", "89", "bytes 98-99/100"],
    ["bytes=-3", "789", "bytes 97-99/100"],
    ["bytes=95-1000", "56789", "bytes 95-99/100"],
    ["bytes=95-99999999999999999999999", "56789", "bytes 95-99/100"],
    ["Bytes= 0-4 ", "01234", "bytes 0-4/100"],
    ["bytes=-1000", BODY.toString(), "bytes 0-99/100"],
  ];
  for (const [value, body, place] of table) {
    const seen = await ask(range(value));
    assert.deepEqual([seen.status, seen.body.toString(), seen.headers["content-range"]], [206, body, place], value);
    assert.equal(seen.headers["content-length"], String(body.length));
    assert.equal(seen.headers["accept-ranges"], "bytes");
    assert.equal(seen.headers.etag, '"v1"');
  }
});

test("an unreadable range and several ranges are ignored, and not sent to the tiers below", async () => {
  for (const value of [
    "bytes=0-4,10-14",
    "bytes=0-4,",
    "bytes=5-2",
    "bytes=-",
    "bytes=a-b",
    "bytes=0 - 4",
    "bytes 0-4",
    "bytes=",
    "items=0-4",
    "bytes=0x0-4",
    "bytes=-5-2",
  ]) {
    assert.equal(shown(await ask(range(value))), whole, value);
    assert.equal(l1Requests.at(-1)?.headers.range, undefined, value);
  }
});

test("a range beyond the end is 416 with the size, in the ecosystem's format, and is not stored", async () => {
  for (const value of ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-"]) {
    const seen = await ask(range(value));
    assert.deepEqual([seen.status, seen.headers["content-range"]], [416, "bytes */100"], value);
    assert.deepEqual(Object.keys(JSON.parse(seen.body.toString()) as object), ["error"]);
    assert.equal(seen.headers["cache-control"], "no-store");
  }
  const blob = await ask(range("bytes=100-"), "GET", `/v2/acme/app/blobs/sha256:${"a".repeat(64)}`);
  assert.deepEqual([blob.status, blob.headers["content-range"]], [416, "bytes */100"]);
});

/**
 * Emulates a cache that ignores the Range header. Traffic Server ignores it while its copy is stale or not yet
 * complete.
 */
function cacheWithoutRanges(stored: Stored): (asked: IncomingMessage, response: ServerResponse) => void {
  const answer = cacheWithoutConditions(stored);
  return (asked, response) => {
    delete asked.headers.range;
    answer(asked, response);
  };
}

test("a range beyond the end is 416 also if a tier ignores the range and sends the whole object", async () => {
  stub.l1 = cacheWithoutRanges({ body: BODY });
  const seen = await ask(range("bytes=100-"));
  assert.deepEqual([seen.status, seen.headers["content-range"]], [416, "bytes */100"]);
  assert.equal(shown(await ask(range("bytes=100-", { "if-range": '"v0"' }))), whole);
});

test("a range is 206 with its bytes also if a tier ignores the range and sends the whole object", async () => {
  const body = Buffer.from(Array.from({ length: 300_000 }, (_, position) => position % 251));
  stub.l1 = cacheWithoutRanges({ body });
  for (const [value, first, last] of [
    ["bytes=0-4", 0, 4],
    ["bytes=70000-200000", 70_000, 200_000],
    ["bytes=299990-", 299_990, 299_999],
    ["bytes=-10", 299_990, 299_999],
    ["bytes=0-", 0, 299_999],
  ] as const) {
    const seen = await ask(range(value));
    const place = `bytes ${first}-${last}/300000`;
    const { "content-range": position, "content-length": length, etag } = seen.headers;
    assert.deepEqual([seen.status, position, length, etag], [206, place, `${last - first + 1}`, '"v1"'], value);
    assert.ok(seen.body.equals(body.subarray(first, last + 1)), value);
  }
  assert.deepEqual((await ask(range("bytes=0-4", { "if-range": '"v1"' }))).status, 206);
  assert.deepEqual((await ask(range("bytes=0-4", { "if-range": '"v0"' }))).body.length, body.length);
  const coded = gzipSync(body);
  stub.l1 = cacheWithoutRanges({ body: coded, headers: { "content-encoding": "gzip" } });
  const undivided = await ask(range("bytes=0-4"));
  assert.deepEqual([undivided.status, undivided.body.length], [200, coded.length]);
});

test("an empty object satisfies no range from a first byte, and a range of its last bytes is the whole object", async () => {
  stub.l1 = cacheWithoutConditions({ body: Buffer.alloc(0) });
  assert.deepEqual((await ask(range("bytes=0-"))).headers["content-range"], "bytes */0");
  assert.equal(shown(await ask(range("bytes=-5"))), "200 ");
  assert.equal(shown(await ask({})), "200 ");
});

test("a range is ignored for methods other than GET", async () => {
  for (const value of ["bytes=0-4", "bytes=100-"]) {
    const seen = await ask(range(value), "HEAD");
    assert.deepEqual([seen.status, seen.headers["content-length"], seen.headers["content-range"]], [200, "100", undefined]);
    // uv sends a HEAD request to find out whether the server supports range requests
    assert.equal(seen.headers["accept-ranges"], "bytes");
  }
});

test("If-Range with another version returns the whole object, and with this version the range, also if a tier ignores If-Range", async () => {
  const table: [string, string][] = [
    ['"v1"', "206 01234"],
    ['"v0"', whole],
    ['W/"v1"', whole],
    ["v1", whole],
    ['"v1", "v2"', whole],
    ["*", whole],
    [MODIFIED, "206 01234"],
    ["Thursday, 26-Nov-26 11:00:00 GMT", "206 01234"],
    ["Thu Nov 26 11:00:00 2026", "206 01234"],
    [EARLIER, whole],
    [NOW, whole],
    ["2026-11-26T11:00:00Z", whole],
  ];
  for (const [validator, expected] of table) {
    assert.equal(shown(await ask(range("bytes=0-4", { "if-range": validator }))), expected, validator);
  }
  assert.ok(l1Requests.every(({ headers }) => headers["if-range"] === undefined));
});

test("If-Range without a range, and on HEAD, is ignored", async () => {
  assert.equal(shown(await ask({ "if-range": '"v0"' })), whole);
  assert.equal((await ask(range("bytes=0-4", { "if-range": '"v0"' }), "HEAD")).status, 200);
});

test("If-Range with a weak validator returns the whole object", async () => {
  stub.l1 = cacheWithoutConditions({ body: BODY, etag: 'W/"v1"' });
  assert.equal(shown(await ask(range("bytes=0-4", { "if-range": 'W/"v1"' }))), whole);
  // the header Date equals Last-Modified, so Last-Modified is a weak validator
  stub.l1 = cacheWithoutConditions({ body: BODY, date: MODIFIED });
  assert.equal(shown(await ask(range("bytes=0-4", { "if-range": MODIFIED }))), whole);
});

test("a download that is resumed after the object became shorter gets the whole object, not 416", async () => {
  assert.equal(shown(await ask(range("bytes=500-", { "if-range": '"v0"' }))), whole);
  const same = await ask(range("bytes=500-", { "if-range": '"v1"' }));
  assert.deepEqual([same.status, same.headers["content-range"]], [416, "bytes */100"]);
});

test("a download that is resumed after a change gets the whole new version", async () => {
  const [before, after] = ["a", "b"].map((letter) => Buffer.from(letter.repeat(100)));
  stub.l1 = cacheWithoutConditions({ body: before!, etag: '"before"' });
  const half = await ask(range("bytes=0-49"));
  stub.l1 = cacheWithoutConditions({ body: after!, etag: '"after"' });
  const rest = await ask(range("bytes=50-", { "if-range": String(half.headers.etag) }));
  const joined = rest.status === 206 ? Buffer.concat([half.body, rest.body]) : rest.body;
  assert.equal(createHash("sha256").update(joined).digest("hex"), createHash("sha256").update(after!).digest("hex"));
});

// The order in which a server must check conditions (RFC 9110, section 13.2.2). Each row has the headers of a request,
// and the expected status for an object with the ETag "v1" that was last changed at MODIFIED.
const PRECEDENCE: [Record<string, string>, number][] = [
  [{ "if-none-match": '"v1"' }, 304],
  [{ "if-none-match": 'W/"v1"' }, 304],
  [{ "if-none-match": '"v0", "v1"' }, 304],
  [{ "if-none-match": '"a,b","v1"' }, 304],
  [{ "if-none-match": "*" }, 304],
  [{ "if-none-match": '"v0"' }, 200],
  [{ "if-modified-since": MODIFIED }, 304],
  [{ "if-modified-since": NOW }, 304],
  [{ "if-modified-since": EARLIER }, 200],
  [{ "if-modified-since": "no date" }, 200],
  [{ "if-none-match": '"v0"', "if-modified-since": NOW }, 200],
  [{ "if-none-match": '"v1"', "if-modified-since": EARLIER }, 304],
  [{ "if-match": '"v1"' }, 200],
  [{ "if-match": '"v0", "v1"' }, 200],
  [{ "if-match": "*" }, 200],
  [{ "if-match": '"v0"' }, 412],
  [{ "if-match": 'W/"v1"' }, 412],
  [{ "if-unmodified-since": MODIFIED }, 200],
  [{ "if-unmodified-since": EARLIER }, 412],
  [{ "if-unmodified-since": "no date" }, 200],
  [{ "if-match": '"v1"', "if-unmodified-since": EARLIER }, 200],
  [{ "if-match": '"v0"', "if-unmodified-since": NOW }, 412],
  [{ "if-match": '"v0"', "if-none-match": '"v1"' }, 412],
  [{ "if-match": '"v1"', "if-none-match": '"v1"' }, 304],
  [{ "if-unmodified-since": EARLIER, "if-modified-since": NOW }, 412],
];

for (const knows of ["no condition", "If-None-Match and If-Modified-Since"]) {
  test(`conditions count in their order, on GET and HEAD, where a tier knows ${knows}`, async () => {
    const stored = cacheWithoutConditions({ body: BODY });
    stub.l1 = (asked, response) => {
      const conditional = asked.headers["if-none-match"] === '"v1"' || asked.headers["if-modified-since"] === MODIFIED;
      if (knows === "no condition" || !conditional) return stored(asked, response);
      response.writeHead(304, { etag: '"v1"', "last-modified": MODIFIED }).end();
    };
    for (const [headers, status] of PRECEDENCE) {
      const shownHeaders = JSON.stringify(headers);
      const got = await ask(headers);
      assert.equal(got.status, status, shownHeaders);
      assert.equal((await ask(headers, "HEAD")).status, status, `HEAD ${shownHeaders}`);
      if (status === 304) assert.deepEqual([got.headers.etag, got.headers["content-type"], got.body.length], ['"v1"', undefined, 0]);
      if (status === 412) assert.equal(got.headers["cache-control"], "no-store");
    }
  });
}

test("conditions are evaluated before the range", async () => {
  assert.equal((await ask(range("bytes=0-4", { "if-none-match": '"v1"' }))).status, 304);
  assert.equal((await ask(range("bytes=500-", { "if-none-match": '"v1"' }))).status, 304);
  assert.equal((await ask(range("bytes=500-", { "if-match": '"v0"' }))).status, 412);
  assert.equal(shown(await ask(range("bytes=0-4", { "if-match": '"v1"', "if-none-match": '"v0"' }))), "206 01234");
});

test("a missing object is 404 with any conditions", async () => {
  stub.l1 = (_, response) => response.writeHead(404).end();
  for (const headers of [{ "if-match": '"v0"' }, { "if-none-match": "*" }, range("bytes=0-4", { "if-range": '"v0"' })]) {
    assert.equal((await ask(headers)).status, 404);
  }
});

test("a 304 response has the ETag, Cache-Control and Vary of the 200 response", async () => {
  const seen = await ask({ "if-none-match": '"v1"' }, "GET", "/npm/web");
  const { etag, vary, "cache-control": caching } = seen.headers;
  assert.deepEqual([seen.status, etag, vary, caching], [304, '"v1"', "Accept", "private, max-age=5"]);
});

test("an object that is stored with a content coding arrives as it is stored, whole and in part", async () => {
  const packed = gzipSync(BODY);
  stub.l1 = cacheWithoutConditions({ body: packed, headers: { "content-encoding": "gzip", "content-type": "application/json" } });
  for (const accepted of ["gzip", "identity", "br", ""]) {
    const seen = await ask(accepted === "" ? {} : { "accept-encoding": accepted });
    assert.deepEqual([seen.headers["content-encoding"], seen.body.equals(packed)], ["gzip", true], accepted);
    assert.deepEqual(gunzipSync(seen.body), BODY);
    const part = await ask(range("bytes=2-9", accepted === "" ? {} : { "accept-encoding": accepted }));
    assert.deepEqual([part.status, part.body], [206, packed.subarray(2, 10)], accepted);
  }
});

test("an object without a content coding arrives without one", async () => {
  stub.l1 = cacheWithoutConditions({ body: BODY, headers: { "content-type": "application/json" } });
  const seen = await ask({ "accept-encoding": "gzip, br" });
  assert.deepEqual([seen.headers["content-encoding"], seen.body], [undefined, BODY]);
});
