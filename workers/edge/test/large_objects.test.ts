// Tests objects that are too large for Workers Cache. For each request, the edge worker fetches only the requested
// bytes of such an object from a shield (a regional cache).

import assert from "node:assert/strict";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { beforeEach, test } from "node:test";

import { bearer, edge, grant, miss, shieldRequests, stub } from "./edge";

const FILE = "/npm/web/-/web-1.0.0.tgz";
const BODY = Buffer.from("0123456789".repeat(10));
// The maximum size in bytes of a response that Workers Cache stores.
const LARGEST = 512 * 1024 * 1024;

/**
 * Emulates a shield (a regional cache) with an object of `size` bytes. The shield answers requests for ranges. To a
 * request for the whole object, the shield sends only the headers and the first bytes.
 */
function shieldWith(size: number): (asked: IncomingMessage, response: ServerResponse) => void {
  return (asked, response) => {
    const headers = { etag: '"v1"', "cache-control": "public, max-age=31536000, immutable", "x-cache": "shield; hit" };
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? "") ?? [];
    if (first === undefined) {
      response.writeHead(200, { ...headers, "content-length": size });
      response.flushHeaders();
      if (asked.method === "HEAD") response.end();
      else response.write("the first bytes");
      return;
    }
    const part = BODY.subarray(Number(first), Number(last) + 1);
    response.writeHead(206, { ...headers, "content-range": `bytes ${first}-${last}/${size}`, "content-length": part.length }).end(part);
  };
}

interface Seen {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

async function ask(headers: Record<string, string>, method = "GET"): Promise<Seen> {
  return new Promise((done, failed) => {
    const sent = request(edge + FILE, { method, headers: { ...bearer("reader"), ...headers } }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer);
      done({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts).toString() });
    });
    sent.on("error", failed).end();
  });
}

beforeEach(() => grant("reader", ["npm:web:pull"]));

test("a range of an object that Workers Cache does not store is a range for the shield", async () => {
  stub.shield = shieldWith(LARGEST + 1);
  const answer = await ask({ range: "bytes=10-14" });
  assert.equal(answer.status, 206);
  assert.equal(answer.body, "01234");
  assert.equal(answer.headers["content-range"], `bytes 10-14/${LARGEST + 1}`);
  assert.equal(answer.headers["x-cache"], "shield; hit; edge=bypass");
  assert.deepEqual(shieldRequests.map(({ headers }) => headers.range), [undefined, "bytes=10-14"]);
  assert.equal(answer.headers["x-artifact-edge-bypass"], undefined);
});

test("a HEAD request for an object that Workers Cache does not store names its size", async () => {
  stub.shield = shieldWith(LARGEST + 1);
  const answer = await ask({}, "HEAD");
  assert.deepEqual([answer.status, answer.headers["content-length"]], [200, String(LARGEST + 1)]);
  assert.equal(answer.headers["x-cache"], "shield; hit; edge=bypass");
});

test("an object of the largest size that Workers Cache stores comes through the cache", async () => {
  stub.shield = shieldWith(LARGEST);
  const answer = await ask({}, "HEAD");
  assert.deepEqual([answer.status, answer.headers["x-cache"]], [200, "shield; hit"]);
  assert.equal(shieldRequests.length, 1);
});

test("Workers Cache remembers that an object is too large for it", async () => {
  stub.shield = shieldWith(LARGEST + 1);
  let remembered: IncomingMessage["headers"] = {};
  stub.l1 = (asked, response) => miss(asked, response, ({ statusCode, headers }) => {
    assert.equal(statusCode, 204);
    remembered = headers;
  });
  await ask({ range: "bytes=0-1" });
  assert.equal(remembered["cache-control"], "public, max-age=31536000, immutable");
  assert.match(remembered["cache-tag"] as string, /^key-[0-9a-f]{64},package-[0-9a-f]{64},version-[0-9a-f]{64}$/);
});
