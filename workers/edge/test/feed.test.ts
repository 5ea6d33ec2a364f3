// Unit tests of how the worker reads feeds of the metadata API. They test in which cases a request waits for a feed
// document, and that the worker keeps the last document while the API serves none. The tests set the time of an
// emulated clock.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Feed, type FeedAccess } from "../src/feed";
import { parseRevocations } from "../src/revocations";

let time: number;
let requests: number;
let background: Promise<unknown>[];
let answer: () => Promise<Response>;
let feed: Feed<string>;

const access: FeedAccess = {
  fetch: (name) => {
    assert.equal(name, "numbers");
    requests += 1;
    return answer();
  },
  waitUntil: (work) => background.push(work),
};

beforeEach(() => {
  mock.method(console, "error", () => undefined);
  [time, requests, background] = [1_000_000, 0, []];
  answer = async () => document(time);
  feed = new Feed("numbers", ({ value }) => String(value));
});

/**
 * Returns a response with a feed document. `read` is the time in milliseconds at which the metadata API read its
 * database. The field `value` of the document has the same number. The tests tell documents apart by this field.
 */
function document(read: number): Response {
  return Response.json({ version: 1, read: read / 1000, value: read });
}

async function current(): Promise<[document: string | undefined, age: number]> {
  const { document, age } = await feed.current(access, () => time);
  return [document, age];
}

test("the first request waits for a document, and requests in the next two seconds cause none", async () => {
  assert.deepEqual(await current(), ["1000000", 0]);
  time += 2_000;
  assert.deepEqual(await current(), ["1000000", 2_000]);
  assert.equal(requests, 1);
});

test("a document from a clock that is ahead does not keep later documents out", async () => {
  answer = async () => document(time + 60_000);
  assert.deepEqual(await current(), ["1060000", 0]);
  answer = async () => document(time);
  time += 5_000;
  assert.deepEqual(await current(), ["1005000", 0]);
});

test("after two seconds a document stays in use while another one is fetched, and requests together cause one", async () => {
  await current();
  time += 2_100;
  assert.deepEqual(await current(), ["1000000", 2_100]);
  assert.deepEqual(await current(), ["1000000", 2_100]);
  assert.equal(requests, 2);
  await Promise.all(background);
  assert.deepEqual(await current(), ["1002100", 0]);
});

test("after four seconds a request waits for another document, however long the isolate was idle", async () => {
  await current();
  for (const idle of [4_100, 3_600_000]) {
    time += idle;
    assert.deepEqual(await current(), [String(time), 0]);
  }
});

test("the age counts from the read of the database, and not from a cache's answer", async () => {
  answer = async () => document(time - 3_900);
  assert.deepEqual(await current(), ["996100", 3_900]);
  time += 200;
  answer = async () => document(time - 100);
  assert.deepEqual(await current(), [String(time - 100), 100]);
  assert.equal(requests, 2);
});

test("an older document from a cache does not replace a newer one", async () => {
  await current();
  time += 2_100;
  answer = async () => document(999_000);
  await current();
  await Promise.all(background);
  assert.equal((await current())[0], "1000000");
});

for (const [failure, failing] of Object.entries<() => Promise<Response>>({
  "an error": async () => new Response("busy", { status: 502 }),
  "no connection": async () => Promise.reject(new Error("refused")),
  "an unreadable document": async () => new Response("{"),
  "a document of another format": async () => Response.json({ version: 2, read: 1_000 }),
  "an old copy of the cache": async () => document(1_000_000),
})) {
  test(`while there is ${failure}, the last document stays, and one request in two seconds tries again`, async () => {
    await current();
    time += 10_000;
    answer = failing;
    for (const _ of [1, 2, 3]) assert.deepEqual(await current(), ["1000000", 10_000]);
    assert.equal(requests, 2);
    time += 2_000;
    assert.deepEqual(await current(), ["1000000", 12_000]);
    assert.equal(requests, 3);
    time += 2_000;
    answer = async () => document(time);
    assert.deepEqual(await current(), [String(time), 0]);
  });
}

test("each failed attempt is logged with the age of the last document", async () => {
  answer = async () => new Response(null, { status: 502 });
  assert.deepEqual(await current(), [undefined, Infinity]);
  answer = async () => document(time);
  time += 2_000;
  await current();
  time += 30_000;
  answer = async () => new Response(null, { status: 502 });
  await current();
  const logged = (console.error as unknown as { mock: { calls: { arguments: string[] }[] } }).mock.calls;
  assert.deepEqual(
    logged.map(({ arguments: [line] }) => JSON.parse(line ?? "")),
    [null, 30].map((seconds) => ({ event: "feed-stale", feed: "numbers", seconds, reason: "status 502" })),
  );
});

test("a request waits two seconds at most, and a document that arrives later is remembered", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let arrive: (late: Response) => void = () => undefined;
  answer = () => new Promise((done) => (arrive = done));
  const waiting = current();
  context.mock.timers.tick(1_999);
  assert.equal(await Promise.race([waiting, Promise.resolve("waits")]), "waits");
  context.mock.timers.tick(1);
  assert.deepEqual(await waiting, [undefined, Infinity]);
  arrive(document(time));
  await Promise.all(background);
  assert.deepEqual(await current(), ["1000000", 0]);
  assert.equal(requests, 1);
});

test("a document of revocations has tokens by digest, and keys of objects", () => {
  const found = parseRevocations({ tokens: { a: { revision: 7, revoked: true }, b: { revision: 8 } }, objects: ["npm/x"] });
  assert.deepEqual([...found.tokens], [["a", { revision: 7, revoked: true }], ["b", { revision: 8, revoked: false }]]);
  assert.deepEqual([...found.objects], ["npm/x"]);
});

test("a document of another form is refused as a whole, because it might hide a revocation", () => {
  const good = { tokens: {}, objects: [] };
  for (const bad of [{ tokens: [] }, { tokens: { a: {} } }, { tokens: { a: null } }, { objects: {} }, { objects: [1] }, { objects: undefined }]) {
    assert.throws(() => parseRevocations({ ...good, ...bad }), JSON.stringify(bad));
  }
});
