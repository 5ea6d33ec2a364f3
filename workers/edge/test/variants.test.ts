// Tests the deployed bundle of the edge worker: what a client's variant of an experiment changes, which clients get the
// variant's name in a header, and what the worker logs.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, test } from "node:test";

import { variantOf } from "../src/experiments";
import { parsePolicy } from "../src/policy";
import type { RequestEvent } from "../src/request_log";
import { bearer, edge, entries, grant, logged, policies, shieldRequests, stub } from "./edge";

const objects = new Map<string, string>();
const SUBJECT = { principal: "alice", token: createHash("sha256").update("reader").digest("hex") };
const TARBALL = "/npm/web/-/web-1.0.0.tgz";

beforeEach(() => {
  grant("reader", ["npm:*:pull"]);
  stub.shield = (request, response) => {
    const text = objects.get((request.url ?? "").slice("/objects/".length));
    const headers = { "cache-control": "public, max-age=5", "content-length": text?.length ?? 4, "x-cache": "shield; hit" };
    response.writeHead(200, headers).end(text ?? "body");
  };
});

function stored(document: object): string {
  const text = JSON.stringify({ format: 1, rules: [], ...document });
  const digest = createHash("sha256").update(text).digest("hex");
  objects.set(`edge-policies/${digest}.json`, text);
  return digest;
}

/**
 * Returns an experiment with two variants, and the name of the variant to which the tests' client is assigned. The
 * fields in `changes` are added to both variants.
 */
function experiment(name: string, changes: object = {}): { given: object; variant: string } {
  const variants = ["a", "b"].map((variant) => ({ name: variant, weight: 1, ...changes }));
  const given = { name, layer: name, unit: "principal", variants };
  const parsed = parsePolicy(JSON.stringify({ format: 1, rules: [], experiments: [given] })).experiments;
  return { given, variant: variantOf(parsed, SUBJECT).variants[name] ?? "" };
}

async function get(path: string, method = "GET"): Promise<Response> {
  const answer = await fetch(`${edge}${path}`, { method, headers: bearer("reader") });
  await answer.arrayBuffer();
  return answer;
}

/** Waits until the function `found` returns a value, and returns that value. */
async function until<T>(found: () => Promise<T | undefined>, what: string): Promise<T> {
  const end = Date.now() + 120_000;
  for (;;) {
    const value = await found();
    if (value !== undefined) return value;
    assert.ok(Date.now() < end, what);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/**
 * Publishes an edge policy with the given experiments, and waits until the worker applies the policy. The function adds
 * a marker experiment to the policy, and waits until a response names the marker. Only responses to operators name
 * experiments. The policy therefore makes the client of the tests an operator.
 */
async function putInForce(document: { experiments: object[] }): Promise<void> {
  const marker = experiment(`marker-${objects.size}`);
  policies.unshift(stored({ operators: ["alice"], ...document, experiments: [...document.experiments, marker.given] }));
  const name = `marker-${objects.size - 1}`;
  await until(async () => (await get(TARBALL)).headers.get("x-artifact-edge-variant")?.includes(name) || undefined, name);
}

function events(): Record<string, unknown>[] {
  return logged.filter((line) => line.startsWith('{"event":"request"')).map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("an operator reads the names of their variants, and each of their requests is logged with them", async () => {
  const { given, variant } = experiment("shown");
  await putInForce({ experiments: [given] });
  logged.length = 0;
  const answers = [await get(TARBALL), await get(TARBALL), await get(TARBALL, "HEAD")];
  const expected = new RegExp(`^shown=${variant}, marker-\\d+=[ab]$`);
  for (const { headers } of answers) assert.match(headers.get("x-artifact-edge-variant") ?? "", expected);
  const written = await until(async () => (events().length === 3 ? events() : undefined), "the events were never logged");
  for (const [index, event] of written.entries()) {
    const { variants, subjects, first_byte_ms: time, ...others } = event as unknown as RequestEvent;
    assert.equal(variants["shown"], variant);
    assert.deepEqual(Object.keys(subjects), Object.keys(variants));
    assert.ok(Number.isInteger(subjects["shown"]) && time >= 0);
    const bytes = index === 2 ? 0 : 4;
    assert.deepEqual(others, { event: "request", ecosystem: "npm", status: 200, tier: "shield; hit", bytes });
  }
  assert.ok(!logged.join().includes("alice") && !logged.join().includes("web") && !logged.join().includes(SUBJECT.token));
});

test("an operator reads the names also in a hit that the worker passes on, and the next client does not", async () => {
  await putInForce({ experiments: [experiment("passed").given] });
  const headers = { "cf-cache-status": "HIT", "cache-control": "private, max-age=31536000, immutable", "x-cache": "edge; hit" };
  stub.l1 = (_, response) => void response.writeHead(200, headers).end("body");
  const shown = await get(TARBALL);
  assert.match(shown.headers.get("x-artifact-edge-variant") ?? "", /passed=[ab]/);
  assert.equal(shown.headers.get("x-cache"), "edge; hit");
  const entry = { version: 1, principal: "bob", expires: 4_000_000_000, grants: ["npm:*:pull"] };
  entries.set(`token:${createHash("sha256").update("not-an-operator").digest("hex")}`, JSON.stringify(entry));
  const other = await fetch(`${edge}${TARBALL}`, { headers: bearer("not-an-operator") });
  assert.deepEqual([other.headers.get("x-cache"), other.headers.get("x-artifact-edge-variant")], ["edge; hit", null]);
});

test("other principals read no variants, and a client without experiments is not logged", async () => {
  await putInForce({ experiments: [] });
  policies.unshift(stored({ operators: ["bob"], experiments: [experiment("hidden").given] }));
  const header = async (): Promise<string | null> => (await get(TARBALL)).headers.get("x-artifact-edge-variant");
  await until(async () => ((await header()) === null ? true : undefined), "the header stayed");
  await until(async () => events().find(({ variants }) => "hidden" in (variants as object)), "the variant was never logged");
  policies.unshift(stored({ operators: ["alice"], experiments: [] }));
  await until(async () => {
    const before = events().length;
    return (await get(TARBALL)).status === 200 && events().length === before ? true : undefined;
  }, "requests are still logged");
  assert.equal(await header(), null);
});

test("2,000 clients are split by weight, and each stays with its variant", async () => {
  const { given } = experiment("split");
  await putInForce({ experiments: [given] });
  const clients = Array.from({ length: 2_000 }, (_, number) => `ci-${number}`);
  for (const name of clients) {
    const entry = { version: 1, principal: name, expires: 4_000_000_000, grants: ["npm:*:pull"] };
    entries.set(`token:${createHash("sha256").update(name).digest("hex")}`, JSON.stringify(entry));
  }
  logged.length = 0;
  const waiting = [...clients, ...clients.slice(0, 200)];
  const requested = async (): Promise<void> => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const answer = await fetch(`${edge}${TARBALL}`, { headers: bearer(name) });
      assert.equal(await answer.text(), "body");
    }
  };
  await Promise.all(Array.from({ length: 16 }, requested));
  const written = await until(async () => (events().length >= 2_200 ? events() : undefined), "events are missing");
  const chosen = new Map<number, Set<string>>();
  for (const { variants, subjects } of written as unknown as RequestEvent[]) {
    const subject = subjects["split"] ?? NaN;
    chosen.set(subject, (chosen.get(subject) ?? new Set()).add(variants["split"] ?? ""));
  }
  assert.ok([...chosen.values()].every(({ size }) => size === 1), "a client changed its variant");
  assert.equal(chosen.size, 2_000);
  const inA = [...chosen.values()].filter((variants) => variants.has("a")).length;
  assert.ok(Math.abs(inA - 1_000) <= 5 * Math.sqrt(500), `${inA} of 2,000 clients are in variant a`);
});

test("a variant chooses the shield pool of a miss", async () => {
  await putInForce({ experiments: [experiment("pool", { shield_pool: ["eu-west-1-*"] }).given] });
  shieldRequests.length = 0;
  for (const version of [1, 2, 3, 4]) await get(`/npm/pooled/-/pooled-${version}.0.0.tgz`);
  assert.deepEqual(shieldRequests.map(({ host }) => host), Array(4).fill("eu-west-1-0.shield.test:8443"));
});

test("a variant applies the rules of another version of the policy, and those in force while it is not readable", async () => {
  const rules = [{ name: "no-web", action: "deny", ecosystem: "npm", packages: ["web"], versions: "1" }];
  const candidate = stored({ rules });
  const versions = { "1.0.0": { dist: { tarball: "https://x/web-1.0.0.tgz" } } };
  objects.set("npm/web/packument.json", JSON.stringify({ versions, "dist-tags": {} }));
  await putInForce({ experiments: [experiment("canary", { policy: candidate }).given] });
  const refused = await fetch(`${edge}${TARBALL}`, { headers: bearer("reader") });
  assert.equal(refused.status, 403);
  assert.match(await refused.text(), /rule no-web/);
  await putInForce({ experiments: [experiment("absent", { policy: "0".repeat(64) }).given] });
  assert.equal((await get(TARBALL)).status, 200);
});

test("a document with a broken experiment changes no assignment", async () => {
  const { given, variant } = experiment("kept");
  await putInForce({ experiments: [given] });
  policies.unshift(stored({ operators: ["alice"], experiments: [{ ...given, unit: "address" }] }));
  await until(async () => ((await fetch(`${edge}/healthz/feed`)).status === 503 ? true : undefined), "no alarm");
  assert.match((await get(TARBALL)).headers.get("x-artifact-edge-variant") ?? "", new RegExp(`kept=${variant}`));
});
