// Tests which requests to shields (regional caches) have an install id, a pseudonym of the client. In a stack that
// prefetches predicted requests, only the requests of clients without prefetches have an id. A prefetch has the value
// `prefetch` in place of an id.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { variantOf } from "../src/experiments";
import { parsePolicy } from "../src/policy";
import { bearer, edge, entries, grant, moreBindings, policies, shieldRequests, stub } from "./edge";

moreBindings.set("LOG_INSTALLS", "1");
moreBindings.set("PREDICTION", JSON.stringify({ requests: 20, in_flight: 8, bytes: 1_000_000, object_bytes: 10_000, share: 100 }));

const VARIANTS = [{ name: "on", weight: 1 }, { name: "off", weight: 1, prediction: false }];
const EXPERIMENT = { name: "prediction", layer: "prediction", unit: "principal", variants: VARIANTS };
const POLICY = JSON.stringify({ format: 1, rules: [], experiments: [EXPERIMENT] });
const DIGEST = createHash("sha256").update(POLICY).digest("hex");

const CACHING = { "cache-control": "public, max-age=31536000" };

/** Returns a principal that `EXPERIMENT` assigns to `variant`. */
function principalIn(variant: string): string {
  const { experiments } = parsePolicy(POLICY);
  for (let number = 0; ; number += 1) {
    const principal = `client-${number}`;
    if (variantOf(experiments, { principal, token: "" }).variants["prediction"] === variant) return principal;
  }
}

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline);
    await new Promise((done) => setTimeout(done, 5));
  }
}

const idOf = (path: string): unknown =>
  shieldRequests.find((each) => each.path === `/objects/npm/${path}`)?.headers["x-artifact-edge-install"];

test("only clients without prediction have an id, and prefetches have a mark", async () => {
  policies.push(DIGEST);
  entries.set("edge-policy", JSON.stringify({ version: 1, policies }));
  stub.shield = ({ url = "" }, response) => {
    if (url.includes("edge-policies")) response.writeHead(200, CACHING).end(POLICY);
    else response.writeHead(200, { ...CACHING, "x-amz-meta-next": "1.0.0 dependency" }).end("{}");
  };
  for (const variant of ["on", "off"]) grant(variant, ["npm:*:pull"], 4_000_000_000, principalIn(variant));
  let tries = 0;
  // Until the worker applies POLICY, it prefetches for all clients. The test therefore repeats the request with a new
  // path until the worker adds an install id to a request of the client `off`.
  await eventually(async () => {
    const path = `off-${(tries += 1)}`;
    await (await fetch(`${edge}/npm/${path}/-/${path}-1.0.0.tgz`, { headers: bearer("off") })).arrayBuffer();
    return idOf(`${path}/-/${path}-1.0.0.tgz`) !== undefined;
  });
  const path = `off-${tries}`;
  assert.match(String(idOf(`${path}/-/${path}-1.0.0.tgz`)), /^[0-9a-f]{32}$/);
  await (await fetch(`${edge}/npm/package`, { headers: bearer("on") })).arrayBuffer();
  await eventually(() => idOf("package/-/package-1.0.0.tgz") !== undefined);
  assert.equal(idOf("package/packument.json"), undefined);
  assert.equal(idOf("package/-/package-1.0.0.tgz"), "prefetch");
});
