// Unit tests of `hedging` and `shieldPool`, two flags of experiments. The flags decide which shield nodes (machines of
// regional caches) get a request, and when a second node gets the request.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import type { Bindings } from "../src/bindings";
import { DEFAULT_FLAGS, type ShieldFlags } from "../src/experiments";
import { fetchFromShields } from "../src/shield_nodes";

declare global {
  // The test declares these types, because bindings.ts uses them. They belong to workerd, but TypeScript cannot load
  // workerd's type definitions together with those of Node.
  interface KVNamespace {
    get: (key: string) => Promise<string | null>;
  }
  interface RateLimit {
    limit: (options: { key: string }) => Promise<{ success: boolean }>;
  }
}

const NODES = ["us-east-1-0", "us-east-1-1", "eu-west-1-0"];
const SHIELDS = JSON.stringify(NODES.map((name) => ({
  host: `${name}.shield.test:8443`,
  region: name.slice(0, -2),
  latitude: name.startsWith("us") ? 39 : 53,
  longitude: 0,
})));
const IN_THE_US = { latitude: 39, longitude: 0 };

beforeEach(() => mock.timers.reset());

/**
 * Requests an object from shield nodes (machines of regional caches). Each node answers with the result of `answer`.
 * Returns the worker's response, and the names of the nodes to which the worker sent requests.
 */
function request(
  flags: Partial<ShieldFlags>,
  key: string,
  answer: () => Promise<Response>,
): [Promise<Response | undefined>, string[]] {
  const names: string[] = [];
  const fetch = (url: string): Promise<Response> => {
    names.push(new URL(url).hostname.split(".")[0] ?? "");
    return answer();
  };
  const bindings = { SHIELDS, ORIGIN_KEY: "", SHIELD: { fetch } } as unknown as Bindings;
  return [fetchFromShields(key, "GET", {}, bindings, IN_THE_US, { ...DEFAULT_FLAGS, ...flags }), names];
}

async function pass(milliseconds: number): Promise<void> {
  mock.timers.tick(milliseconds);
  await new Promise((done) => setImmediate(done));
}

const silent = (): Promise<Response> => new Promise(() => undefined);
const whole = async (): Promise<Response> => new Response("body");

test("without hedging, the next node gets the request only after the first one has failed", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const [, hedged] = request({}, "a", silent);
  const [, unhedged] = request({ hedging: false }, "a", silent);
  await pass(1_999);
  assert.deepEqual([hedged.length, unhedged.length], [2, 1]);
  await pass(1);
  assert.equal(unhedged.length, 2);
  await pass(2_000);
  assert.equal(unhedged.length, 3);
});

test("the nodes of the pool come first, wherever the client is", async () => {
  for (const key of ["b", "c", "d", "e"]) {
    const [answer, names] = request({ shieldPool: ["eu-west-1-*"] }, key, whole);
    assert.equal(await (await answer)?.text(), "body");
    assert.deepEqual(names, ["eu-west-1-0"]);
    const [, usual] = request({}, key, whole);
    assert.match(usual[0] ?? "", /^us-east-1-/);
  }
});

test("while the pool fails, other nodes answer, and a pool without nodes changes nothing", async () => {
  const failing = async (): Promise<Response> => new Response(null, { status: 502 });
  const [failed, names] = request({ shieldPool: ["eu-*"] }, "f", failing);
  assert.equal(await failed, undefined);
  assert.deepEqual([names[0], names.length], ["eu-west-1-0", 3]);
  const [answer, others] = request({ shieldPool: ["ap-*"] }, "f", whole);
  assert.equal((await answer)?.status, 200);
  assert.equal(others.length, 1);
});
