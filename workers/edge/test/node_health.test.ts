// Unit tests of what an isolate records about shield nodes (machines of regional caches), and of the nodes that it
// chooses for an object.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HEDGE_CEILING, HEDGE_FLOOR, NodeHealth } from "../src/node_health";
import { attempted, type Shield } from "../src/shields";

test("a hedge starts after the node's 99th percentile, within bounds, and after a second until it is known", () => {
  const health = new NodeHealth();
  for (let count = 0; count < 49; count++) health.answered("node", 1);
  assert.equal(health.hedgeAfter("node"), HEDGE_CEILING);
  health.answered("node", 1);
  assert.equal(health.hedgeAfter("node"), HEDGE_FLOOR);
  for (let count = 0; count < 2; count++) health.answered("node", 450);
  for (let count = 0; count < 100; count++) health.answered("node", 1);
  assert.equal(health.hedgeAfter("node"), 450);
  for (let count = 0; count < 128; count++) health.answered("node", 1);
  // The isolate keeps only the last 128 response times of a shield node. The two earlier times of 450 ms are no longer
  // among them.
  assert.equal(health.hedgeAfter("node"), HEDGE_FLOOR);
  for (let count = 0; count < 128; count++) health.answered("node", 5_000);
  assert.equal(health.hedgeAfter("node"), HEDGE_CEILING);
  assert.equal(health.hedgeAfter("other"), HEDGE_CEILING);
});

test("a node that keeps failing is left alone for 5 s, then twice as long each time, up to 60 s", () => {
  const health = new NodeHealth();
  let now = 0;
  for (const seconds of [5, 10, 20, 40, 60, 60]) {
    health.failed("node", 0, now);
    assert.ok(health.isBackedOff("node", now + seconds * 1000 - 1));
    now += seconds * 1000;
    assert.ok(!health.isBackedOff("node", now), `${seconds} s`);
  }
  health.answered("node", 1);
  health.failed("node", 0, now);
  assert.ok(!health.isBackedOff("node", now + 5_000));
});

test("only one request tries a failed node again", () => {
  const health = new NodeHealth();
  health.failed("node", 0, 0);
  health.started("node", 5_000);
  assert.ok(health.isBackedOff("node", 5_000));
  health.answered("node", 1);
  assert.ok(!health.isBackedOff("node", 5_000));
});

test("a node that loses three hedged requests in a row counts as failed", () => {
  const health = new NodeHealth();
  let now = 0;
  const lose = (milliseconds: number): void => health.lost("node", milliseconds, (now += 2_000));
  [1_100, 1_100].forEach(lose);
  health.answered("node", 1);
  [1_100, 1_100].forEach(lose);
  assert.ok(!health.isBackedOff("node", now));
  // A hedged request that another node answered after only 10 ms is not counted as a failure, because a healthy node
  // may need longer to answer.
  lose(10);
  assert.ok(!health.isBackedOff("node", now));
  lose(1_100);
  assert.ok(health.isBackedOff("node", now + 4_999));
});

test("requests to a node that run at the same time count as one failure", () => {
  const health = new NodeHealth();
  for (let count = 0; count < 15; count++) health.lost("node", 1_100, 2_000);
  health.failed("node", 2_000, 2_500);
  assert.ok(!health.isBackedOff("node", 7_000));
  health.failed("node", 2_000, 9_000);
  assert.ok(health.isBackedOff("node", 18_999));
});

test("a node that has failed before counts as failed again when it loses once", () => {
  const health = new NodeHealth();
  health.failed("node", 0, 0);
  health.lost("node", 1_100, 5_000);
  assert.ok(health.isBackedOff("node", 14_999));
});

const [A0, A1, A2, B0, C0] = ["a0", "a1", "a2", "b0", "c0"].map(
  (host): Shield => ({ host, region: host[0] ?? "", latitude: 0, longitude: 0 }),
) as [Shield, Shield, Shield, Shield, Shield];
const ORDER = [A0, A1, A2, B0, C0];

test("an object is asked from three nodes, the last one in another region, and from failed nodes last", () => {
  for (const [failed, expected] of [
    [[], [A0, A1, B0]],
    [[A0], [A1, A2, B0]],
    [[A0, A1], [A2, B0, C0]],
    [[A0, A1, A2], [B0, C0, A0]],
    [[B0, C0], [A0, A1, A2]],
    [ORDER, [A0, A1, B0]],
  ] as [Shield[], Shield[]][]) {
    assert.deepEqual(attempted(ORDER, (node) => failed.includes(node)), expected, failed.map(({ host }) => host).join());
  }
  assert.deepEqual(attempted([A0], () => false), [A0]);
});
