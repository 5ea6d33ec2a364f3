// Tests the functions that choose what the worker prefetches: the objects that clients probably request next. The
// functions must return only valid objects, even from malformed lists. No sequence of calls may exceed a limit of
// `Budget`.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { type Budget, budgetIn, Predictions, type Waiting } from "../src/prediction";
import { route } from "../src/routes";
import { type Expected, releasesIn, selected, successorsOf } from "../src/successors";

const BUDGET: Budget = { requests: 20, inFlight: 4, bytes: 1000, objectBytes: 100, share: 0.5 };

function at(path: string, range = ""): Expected {
  const found = route(new URL(path, "https://packages.test"), "");
  assert.equal(found.kind, "object");
  return { route: found as Expected["route"], range };
}

const DOCUMENTS = [at("/npm/web"), at("/npm/@acme/web"), at("/pypi/simple/web/"), at("/v2/acme/web/manifests/1")];

test("npm selects the first version where the range allows it, and else the highest one", () => {
  const releases = releasesIn("2.0.0;3.0.0-rc.1;1.10.0;1.9.0;0.2.1");
  const chosen = (range: string): string | undefined => selected(releases, range)?.name;
  for (const [range, version] of [["", "2.0.0"], ["*", "2.0.0"], [">=1", "2.0.0"], ["^1.0.0", "1.10.0"], ["1.9.0", "1.9.0"]]) {
    assert.equal(chosen(range!), version, range);
  }
  for (const [range, version] of [["1.2.3", "1.2.3"], ["~0.2.0", "0.2.1"], ["^4.0.0", undefined], ["next", "2.0.0"]] as const) {
    assert.equal(chosen(range), version, range);
  }
});

test("any list and any manifest gives valid objects of the same ecosystem, and no error", () => {
  const descriptor = fc.oneof(fc.anything(), fc.record({ digest: fc.constant(`sha256:${"a".repeat(64)}`), size: fc.nat(200) }));
  const manifest = fc.record({ config: descriptor, layers: fc.anything(), manifests: fc.array(descriptor) });
  const body = fc.oneof(fc.string(), fc.json(), manifest.map((each) => JSON.stringify(each, (_, value: unknown) => (typeof value === "bigint" ? 0 : value))));
  const list = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[!a-z0-9.@^~%; \/-]*$/));
  fc.assert(
    fc.property(fc.constantFrom(...DOCUMENTS), fc.string(), list, body, fc.string(), (document, range, text, manifest, agent) => {
      for (const { route: found } of successorsOf({ ...document, range }, text, manifest ?? "", agent, 100)) {
        assert.match(found.key, new RegExp(`^${found.ecosystem}/[^\\u0000-\\u0020]+$`));
      }
    }),
    { numRuns: 5_000 },
  );
});

test("prefetches never exceed the budget, whatever the order in which they begin and end", () => {
  const paths = fc.constantFrom(..."abcdefghij").chain((name) => fc.constantFrom(`/npm/${name}`, `/npm/${name}/-/${name}-1.0.0.tgz`));
  const step = fc.oneof(
    fc.record({ do: fc.constant("expect" as const), paths: fc.array(paths), depth: fc.nat(20) }),
    fc.record({ do: fc.constant("take" as const) }),
    fc.record({ do: fc.constant("end" as const), reachedShield: fc.boolean() }),
    fc.record({ do: fc.constant("wait" as const), milliseconds: fc.nat(40_000) }),
    fc.record({ do: fc.constant("earn" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const predictions = new Predictions();
      const running: Waiting[] = [];
      const recent = new Map<string, number>();
      let [now, taken, earned, returned] = [0, 0, 0, 0];
      for (const each of steps) {
        if (each.do === "wait") now += each.milliseconds;
        else if (each.do === "earn") predictions.earn(BUDGET), (earned += BUDGET.share);
        else if (each.do === "expect") predictions.expect(each.paths.map((path) => at(path)), each.depth, now);
        else if (each.do === "end") {
          const ended = running.shift();
          if (ended !== undefined) predictions.done(ended, each.reachedShield), (returned += each.reachedShield ? 0 : 1);
        } else {
          const next = predictions.take(BUDGET, now);
          if (next === undefined) continue;
          running.push(next);
          taken += 1;
          const { key } = next.expected.route;
          // An isolate remembers a prefetch of a file for some time, and does not prefetch the file again in this time.
          assert.ok((recent.get(key) ?? -Infinity) + (key.endsWith(".tgz") ? 570_000 : 0) <= now, key);
          recent.set(key, now);
        }
        assert.ok(running.filter(({ until }) => until >= now).length <= BUDGET.inFlight);
        assert.ok(taken <= 1000 + earned + returned);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("a document is not prefetched again while L1 answers with its copy at once", () => {
  const predictions = new Predictions();
  const takenAt = (now: number): string | undefined => {
    predictions.expect([at("/npm/again")], 1, now);
    const next = predictions.take(BUDGET, now);
    if (next !== undefined) predictions.done(next, true);
    return next?.expected.route.key;
  };
  assert.equal(takenAt(0), "npm/again/packument.json");
  predictions.know("npm/again/packument.json", "1.0.0 list", 0);
  assert.equal(takenAt(64_000), undefined);
  assert.equal(predictions.follow(at("/npm/again"), 64_000), false);
  assert.equal(predictions.known("npm/again/packument.json", 64_000), "1.0.0 list");
  assert.equal(takenAt(65_000), "npm/again/packument.json");
  assert.equal(predictions.known("npm/again/packument.json", 65_000), undefined);
});

test("the allowance ends after a burst, and each request of a client adds its share", () => {
  const predictions = new Predictions();
  let count = 0;
  const takeAll = (): number => {
    let taken = 0;
    for (let next = predictions.take(BUDGET, 0); next !== undefined; next = predictions.take(BUDGET, 0)) {
      predictions.done(next, true);
      taken += 1;
    }
    return taken;
  };
  const expectMany = (): void => predictions.expect(Array.from({ length: 1500 }, () => at(`/npm/p${(count += 1)}`)), 1, 0);
  expectMany();
  assert.equal(takeAll(), 1000);
  for (let request = 0; request < 6; request += 1) predictions.earn(BUDGET);
  assert.equal(takeAll(), 3);
});

test("documents go before files, and an object that waits for too long is dropped", () => {
  const predictions = new Predictions();
  predictions.expect([at("/npm/a/-/a-1.0.0.tgz"), at("/npm/b")], 1, 0);
  assert.equal(predictions.take(BUDGET, 0)?.expected.route.key, "npm/b/packument.json");
  assert.equal(predictions.take(BUDGET, 31_000), undefined);
});

test("the budget is what the binding says, and prediction is off without one", () => {
  assert.equal(budgetIn(undefined), undefined);
  const text = JSON.stringify({ requests: 20, in_flight: 4, bytes: 1000, object_bytes: 100, share: 0.5 });
  assert.deepEqual(budgetIn(text), BUDGET);
});
