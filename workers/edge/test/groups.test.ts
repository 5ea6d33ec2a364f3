// Tests that a rule of the edge policy which names principals applies only to these principals. The edge caches
// documents without the artifacts that such rules refuse. Principals with different rights must never share a cached
// document.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, test } from "node:test";

import fc from "fast-check";

import { filteredDocument } from "../src/filtered_documents";
import { refusing } from "../src/filtering";
import { matches } from "../src/grants";
import { pathOf, requestedIn } from "../src/l1";
import { parsePolicy } from "../src/policy";
import { rulesOf, ruleSetOf, ruleSetWith } from "../src/rule_sets";
import { subjectOf } from "../src/subjects";
import type { Read } from "../src/versioned_documents";
import { cases } from "./cases";
import { bearer, edge, grant, policies, stub } from "./edge";

const VERSIONS = ["1.0.0", "1.1.0", "2.0.0", "3.0.0-rc.1"];
const distOf = (version: string): unknown => ({ tarball: `https://packages.test/npm/web/-/web-${version}.tgz` });
const PACKUMENT = JSON.stringify({
  name: "web",
  "dist-tags": { latest: "2.0.0" },
  versions: Object.fromEntries(VERSIONS.map((version) => [version, { name: "web", version, dist: distOf(version) }])),
});
const KEY = "npm/web/packument.json";
const principal = fc.constantFrom("ci-1", "ci-2", "dana@acme", "erin@acme", "root");
const rule = fc.record(
  {
    action: fc.constantFrom("allow", "deny"),
    ecosystem: fc.constant("npm"),
    packages: fc.constantFrom(["*"], ["web"], ["other"]),
    versions: fc.constantFrom("1.x", ">=2", "1.1.0", "<3.0.0-rc.2"),
    principals: fc.subarray(["ci-*", "dana@acme", "*@acme", "root", "*"], { minLength: 1 }),
  },
  { requiredKeys: ["action", "ecosystem", "packages"] },
);
const documents = fc.array(rule, { maxLength: 8 }).map((rules) => {
  return JSON.stringify({ format: 1, rules: rules.map((each, index) => ({ name: `r${index}`, ...each })) });
});

/**
 * Returns the id of the rule set that applies to a principal, and PACKUMENT as this rule set filters it. `text` is the
 * edge policy, and `of` is the name of the principal.
 */
async function rendered(text: string, of: string): Promise<[string, string]> {
  const digest = createHash("sha256").update(text).digest("hex");
  const read: Read = async () => new Response(text);
  const id = ruleSetOf({ digest, policy: parsePolicy(text) }, undefined, of)!.id;
  const path = pathOf(KEY, { kind: "filtered", policy: id });
  assert.deepEqual(requestedIn(path), { key: KEY, view: { kind: "filtered", policy: id } });
  const rules = await rulesOf(await ruleSetWith(id, read), "npm", "web", read);
  const subject = subjectOf(KEY);
  assert.ok(subject?.kind === "document");
  const document = filteredDocument(subject, PACKUMENT, (version) => {
    return refusing(rules, { version, tag: null, digests: [], published: 0 }, 0);
  });
  return [id, document];
}

/**
 * Returns the versions that an edge policy lets a principal download. The function applies the first rule that matches.
 * It does not use the worker's code for groups of principals, because the test checks this code.
 */
function allowed(text: string, of: string): string[] {
  const { rules } = JSON.parse(text) as { rules: Record<string, string[]>[] };
  const concerning = rules.filter(({ principals }) => principals?.some((pattern) => matches(pattern, of)) ?? true);
  const own = JSON.stringify({ format: 1, rules: concerning.map(({ principals: _, ...rest }) => rest) });
  const parsed = parsePolicy(own).rules.filter(({ packages }) => packages.some((pattern) => matches(pattern, "web")));
  return VERSIONS.filter((version) => refusing(parsed, { version, tag: null, digests: [], published: 0 }, 0) === undefined);
}

test("two principals with different rights never share a filtered document", async () => {
  await fc.assert(
    fc.asyncProperty(documents, principal, principal, async (text, one, other) => {
      const [[oneId, oneDocument], [otherId, otherDocument]] = [await rendered(text, one), await rendered(text, other)];
      const listed = Object.keys((JSON.parse(oneDocument) as { versions: object }).versions);
      assert.deepEqual(listed, allowed(text, one));
      if (oneId === otherId) assert.equal(oneDocument, otherDocument);
      if (String(allowed(text, one)) !== String(allowed(text, other))) assert.notEqual(oneId, otherId);
    }),
    cases(500, 0.15),
  );
});

test("without rules that name principals, all principals share the documents", async () => {
  const text = JSON.stringify({ format: 1, rules: [{ name: "r", action: "deny", ecosystem: "npm", packages: ["web"], versions: ">=2" }] });
  assert.deepEqual(await rendered(text, "ci-1"), await rendered(text, "dana@acme"));
});

beforeEach(() => {
  const rules = [{ name: "not-for-ci", action: "deny", ecosystem: "npm", packages: ["web"], versions: ">=2", principals: ["ci-*"] }];
  const policy = JSON.stringify({ format: 1, rules });
  const digest = createHash("sha256").update(policy).digest("hex");
  policies.splice(0, policies.length, digest);
  const objects = new Map([[KEY, PACKUMENT], [`edge-policies/${digest}.json`, policy], ["npm/web/-/web-2.0.0.tgz", "bytes"]]);
  stub.shield = (request, response) => {
    const body = objects.get((request.url ?? "").slice("/objects/".length).split("/").map(decodeURIComponent).join("/"));
    response.writeHead(body === undefined ? 404 : 200, { "cache-control": "public, max-age=5" }).end(body);
  };
});

test("the worker filters for the principals that a rule names, and for nobody else", async () => {
  for (const of of ["ci-1", "dana"]) grant(of, ["npm:*:pull"], 4_000_000_000, of);
  const get = (path: string, of: string): Promise<Response> => fetch(edge + path, { headers: bearer(of) });
  const end = Date.now() + 120_000;
  for (let status = 0; status !== 403; status = (await get("/npm/web/2.0.0", "ci-1")).status) {
    assert.ok(Date.now() < end, `the policy is not in force: ${status}`);
    await new Promise((done) => setTimeout(done, 100));
  }
  for (const [of, versions] of [["ci-1", VERSIONS.slice(0, 2)], ["dana", VERSIONS], ["ci-1", VERSIONS.slice(0, 2)]] as const) {
    const packument = (await (await get("/npm/web", of)).json()) as { versions: object };
    assert.deepEqual(Object.keys(packument.versions), versions, of);
  }
  assert.match(await (await get("/npm/web/-/web-2.0.0.tgz", "ci-1")).text(), /refused by rule not-for-ci/);
  assert.equal((await get("/npm/web/-/web-2.0.0.tgz", "dana")).status, 200);
});
