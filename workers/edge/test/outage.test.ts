// Tests what an isolate of the edge worker decides while the home region is down for a day. During this outage, the
// metadata API does not answer, but Workers KV and the shields (regional caches) work. The tests move the clock.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, mock, test } from "node:test";

import { Feed, type FeedAccess } from "../src/feed";
import { type Latest, latestPolicies, parseDigests, policyInForce } from "../src/policies";
import { isQuarantined } from "../src/quarantine";
import { NO_REVOCATIONS, parseRevocations, type Revocations } from "../src/revocations";
import { type Entitlement, entitlementOf, type Sources } from "../src/tokens";
import { Unavailable } from "../src/unavailable";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const OUTAGE = 25 * HOUR;
// Maps each feed to a maximum age. While the metadata API (workers/entitlements/) is down, Workers Cache serves the
// feed's document up to this age.
const USABLE = { revocations: 15 * MINUTE, "edge-policy": 24 * HOUR };
const NPM = ["npm:*:pull"];
const POLICY = JSON.stringify({ format: 1, rules: [{ name: "no-bad", action: "deny", ecosystem: "npm", packages: ["bad"], reason: "bad" }] });
const POLICY_DIGEST = createHash("sha256").update(POLICY).digest("hex");

let now = 1_795_000_000_000;
let start: number;
let isDown: boolean;
/** The documents that the metadata API serves. */
let documents: { revocations: object; "edge-policy": object };
/** The feed documents in Workers Cache, each with the time when it was stored. */
let copies: Map<string, { text: string; stored: number }>;
let entries: Map<string, string>;
let isolate: Isolate;

interface Isolate {
  revocations: Feed<Revocations>;
  policies: Feed<Latest>;
}

function freshIsolate(): Isolate {
  return { revocations: new Feed("revocations", parseRevocations), policies: new Feed("edge-policy", parseDigests) };
}

beforeEach(() => {
  mock.method(console, "error", () => undefined);
  mock.method(globalThis, "fetch", async () => {
    throw new Error("the metadata API does not answer");
  });
  now += HOUR; // an hour later, the entries in memory from the previous test are too old to use
  [start, isDown, copies, entries, isolate] = [now, false, new Map(), new Map(), freshIsolate()];
  documents = {
    revocations: { tokens: {}, objects: [] },
    "edge-policy": { policies: [POLICY_DIGEST], advisories: [] },
  };
});

const access: FeedAccess = {
  fetch: async (name) => {
    const feed = name as keyof typeof documents;
    if (!isDown) copies.set(feed, { text: JSON.stringify({ version: 1, read: now / 1000, ...documents[feed] }), stored: now });
    const copy = copies.get(feed);
    const isUsable = copy !== undefined && now - copy.stored <= USABLE[feed];
    return isUsable ? new Response(copy.text) : new Response(null, { status: 502 });
  },
  waitUntil: () => undefined,
};

function sources(): Sources {
  return {
    store: { get: async (name: string) => entries.get(name) ?? null } as unknown as KVNamespace,
    api: { url: "https://api.test/", key: "k" },
    revocations: isolate.revocations.current(access, () => now).then(({ document }) => document ?? NO_REVOCATIONS),
    waitUntil: () => undefined,
  };
}

function put(token: string, grants: string[], { expires = start + 2 * OUTAGE, revision = 1, revoked = false } = {}): void {
  const known = revoked ? { revoked } : { principal: token, expires: expires / 1000, grants };
  entries.set(`token:${token}`, JSON.stringify({ version: 1, revision, ...known }));
}

/**
 * Looks a token up. Returns the token's grants, "refused" if the worker would answer 401, or "unavailable" if the
 * worker would answer 503.
 */
async function grantsOf(token: string): Promise<readonly string[] | "refused" | "unavailable"> {
  try {
    const found: Entitlement | undefined = await entitlementOf(token, sources(), now);
    return found?.grants ?? "refused";
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return "unavailable";
  }
}

/** Moves the clock through the outage in steps of ten minutes, and calls `check` after each step. */
async function outage(check: () => Promise<void>): Promise<void> {
  isDown = true;
  while (now < start + OUTAGE) {
    now += 10 * MINUTE;
    await check();
  }
  isDown = false;
}

test("tokens in Workers KV work until they expire, and all others are refused or unavailable", async () => {
  put("steady", NPM);
  put("short", NPM, { expires: start + 12 * HOUR });
  put("revoked", NPM, { revoked: true });
  await outage(async () => {
    assert.deepEqual(await grantsOf("steady"), NPM);
    assert.deepEqual(await grantsOf("short"), now < start + 12 * HOUR ? NPM : "refused");
    assert.equal(await grantsOf("revoked"), "refused");
    assert.equal(await grantsOf("unknown"), "unavailable");
  });
});

test("the changes of the last document before the outage count for the whole day", async () => {
  documents.revocations = {
    tokens: { leaked: { revision: 2, revoked: true }, narrowed: { revision: 2 } },
    objects: ["npm/bad/-/bad-1.0.0.tgz"],
  };
  for (const token of ["leaked", "narrowed"]) put(token, NPM);
  assert.equal(await grantsOf("leaked"), "refused");
  await outage(async () => {
    assert.equal(await grantsOf("leaked"), "refused");
    // The revocation feed has a newer revision of the token `narrowed` than Workers KV: the token's grants were
    // reduced. The worker answers "unavailable" until Workers KV has the new grants.
    const isShown = now > start + HOUR;
    if (isShown) put("narrowed", ["npm:other:pull"], { revision: 2 });
    assert.deepEqual(await grantsOf("narrowed"), isShown ? ["npm:other:pull"] : "unavailable");
    for (const [version, isWithdrawn] of [["1.0.0", true], ["1.0.1", false]] as const) {
      assert.equal(await isQuarantined(`npm/bad/-/bad-${version}.tgz`, sources(), now), isWithdrawn);
    }
  });
});

test("an isolate that starts during the outage relies on Workers KV", async () => {
  documents.revocations = { tokens: { leaked: { revision: 2, revoked: true } }, objects: [] };
  put("leaked", NPM);
  put("steady", NPM);
  assert.equal(await grantsOf("leaked"), "refused");
  entries.set("quarantine", JSON.stringify({ version: 1, keys: ["npm/bad"] }));
  await outage(async () => {
    isolate = freshIsolate();
    assert.deepEqual(await grantsOf("steady"), NPM);
    assert.equal(await isQuarantined("npm/bad", sources(), now), true);
    // For 15 minutes after the metadata API fails, Workers Cache still has the revocation of the token `leaked`. Later,
    // the worker reads Workers KV, so the test writes the revocation there.
    if (now > start + 15 * MINUTE) put("leaked", NPM, { revision: 2, revoked: true });
    assert.equal(await grantsOf("leaked"), "refused");
  });
});

test("the edge policy stays in force, also for an isolate that starts during the outage", async () => {
  const read = async (key: string): Promise<Response> => new Response(key === `edge-policies/${POLICY_DIGEST}.json` ? POLICY : null);
  entries.set("edge-policy", JSON.stringify({ version: 1, policies: [POLICY_DIGEST], advisories: [] }));
  const inForce = async (): Promise<string | undefined> => {
    const current = await isolate.policies.current(access, () => now);
    const { policies } = await latestPolicies(current, async () => entries.get("edge-policy") ?? null, now);
    return (await policyInForce(policies, read))?.digest;
  };
  assert.equal(await inForce(), POLICY_DIGEST);
  const known = isolate;
  await outage(async () => {
    for (isolate of [known, freshIsolate()]) assert.equal(await inForce(), POLICY_DIGEST);
  });
});

test("after the outage, the first request applies a new revocation", async () => {
  put("leaked", NPM);
  await outage(async () => assert.deepEqual(await grantsOf("leaked"), NPM));
  now += 10 * MINUTE;
  documents.revocations = { tokens: { leaked: { revision: 2, revoked: true } }, objects: [] };
  assert.equal(await grantsOf("leaked"), "refused");
});
