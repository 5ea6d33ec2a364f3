// Tests the worker's code for edge policies. The worker must accept every policy that the registry's commands accept,
// and the first rule that matches must decide.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { InvalidDocument } from "../src/fields";
import { type Artifact, refusing, refusingAll, rulesFor } from "../src/filtering";
import { parsePolicy } from "../src/policy";
import { isIncluded } from "../src/python_ranges";
import type { Ecosystem } from "../src/routes";
import { cases } from "./cases";
import documents from "./policy_documents.json";
import specifiers from "./python_specifiers.json";

const DAY = 86_400_000;
const NOW = Date.parse("2026-11-26T12:00:00Z");
const SHA512 = `sha512-${"A".repeat(86)}==`;
const SHA256 = `sha256:${"ab".repeat(32)}`;
const OLD: Artifact = { version: null, tag: null, digests: [], published: 0 };

type Given = Record<string, unknown>;

/** Returns the name of the rule that refuses an artifact, or an empty string for an allowed artifact. */
function refusal(rules: Given[], ecosystem: Ecosystem, name: string, artifact: Partial<Artifact>, now = NOW): string {
  const named = rules.map((rule, index) => ({ name: `rule-${index}`, action: "deny", packages: ["*"], ...rule }));
  const found = rulesFor(parsePolicy(JSON.stringify({ format: 1, rules: named })), ecosystem, name);
  return (refusingAll(found) ?? refusing(found, { ...OLD, ...artifact }, now))?.name ?? "";
}

const npm = (versions: string, version: string): string =>
  refusal([{ ecosystem: "npm", packages: ["web"], versions }], "npm", "web", { version });
const python = (versions: string, version: string): string =>
  refusal([{ ecosystem: "pypi", packages: ["web"], versions }], "pypi", "web", { version });

test("the worker accepts the documents that the registry's commands accept", () => {
  assert.ok(documents.length > 80);
  for (const { document, mistake } of documents) {
    const parse = (): unknown => parsePolicy(JSON.stringify(document));
    if (mistake === null) assert.doesNotThrow(parse, JSON.stringify(document));
    else assert.throws(parse, InvalidDocument, JSON.stringify(document));
  }
  assert.throws(() => parsePolicy("{"), InvalidDocument);
});

test("a policy blocks at most 1,000 networks", () => {
  const blocking = (count: number): string =>
    JSON.stringify({ format: 1, rules: [], blocked: Array(count).fill("192.0.2.0/24") });
  assert.ok(parsePolicy(blocking(1_000)).blocked?.contain("192.0.2.7"));
  assert.throws(() => parsePolicy(blocking(1_001)), InvalidDocument);
  assert.equal(parsePolicy(blocking(0)).blocked, undefined);
});

test("npm ranges include pre-releases", () => {
  for (const [range, version] of [["<1.3.0", "1.2.9"], [">=1.0.0 <2", "1.5.0-beta.1"], ["^1.2", "1.9.0"], ["1.2.3 || 2.x", "2.0.1"]]) {
    assert.equal(npm(range!, version!), "rule-0", `${range} ${version}`);
  }
  for (const [range, version] of [["<1.3.0", "1.3.0"], ["^1.2", "2.0.0-0"], ["1.2.3", "1.2.4"]]) {
    assert.equal(npm(range!, version!), "", `${range} ${version}`);
  }
});

test("Python specifiers include pre-releases", () => {
  for (const [range, version] of [["<1.3", "1.2.9"], [">=1.0,<2", "1.5rc1"], ["==1.4.*", "1.4.7"], ["==1.0", "1.0.0"], ["~=2.2", "2.9"]]) {
    assert.equal(python(range!, version!), "rule-0", `${range} ${version}`);
  }
  for (const [range, version] of [["<1.3", "1.3"], ["<2", "2.0rc1"], ["!=1.0", "1.0.0"], ["==1.0", "1.0.post1"]]) {
    assert.equal(python(range!, version!), "", `${range} ${version}`);
  }
});

test("a specifier includes the versions that it includes for pip", () => {
  assert.ok(specifiers.length > 300);
  for (const [specifier, version, expected] of specifiers as [string, string, boolean][]) {
    assert.equal(isIncluded(version, specifier), expected, `${specifier} ${version}`);
  }
});

test("the first rule that matches decides", () => {
  const approved = { action: "allow", ecosystem: "npm", packages: ["web"], versions: "1.0.0" };
  const age = { younger_than_days: 7 };
  const young = { published: NOW - 6 * DAY };
  assert.equal(refusal([approved, age], "npm", "web", { version: "1.0.0", ...young }), "");
  assert.equal(refusal([approved, age], "npm", "web", { version: "1.0.1", ...young }), "rule-1");
  assert.equal(refusal([age, approved], "npm", "web", { version: "1.0.0", ...young }), "rule-0");
  assert.equal(refusal([approved, age], "pypi", "web", { version: "1.0.0", ...young }), "rule-1");
});

test("an allow list refuses all other packages, and all other versions of the listed ones", () => {
  const list = [{ action: "allow", ecosystem: "npm", packages: ["@acme/*"] }, { action: "allow", ecosystem: "npm", packages: ["web"], versions: "^1" }, {}];
  assert.equal(refusal(list, "npm", "@acme/any", { version: "9.0.0" }), "");
  assert.equal(refusal(list, "npm", "web", { version: "1.2.0" }), "");
  assert.equal(refusal(list, "npm", "web", { version: "2.0.0" }), "rule-2");
  assert.equal(refusal(list, "npm", "other", { version: "1.2.0" }), "rule-2");
  assert.equal(refusal(list, "pypi", "web", { version: "1.2.0" }), "rule-2");
});

test("an artifact becomes allowed at the age of the rule", () => {
  const rules = [{ younger_than_days: 7 }];
  const published = NOW - 7 * DAY;
  assert.equal(refusal(rules, "npm", "web", { published }, NOW - 1), "rule-0");
  assert.equal(refusal(rules, "npm", "web", { published }, NOW), "");
});

test("a digest identifies an artifact of any version", () => {
  assert.equal(refusal([{ ecosystem: "npm", digests: [SHA512] }], "npm", "web", { digests: ["sha512-x", SHA512] }), "rule-0");
  assert.equal(refusal([{ ecosystem: "npm", digests: [SHA512] }], "npm", "web", { digests: ["sha512-x"] }), "");
  assert.equal(refusal([{ ecosystem: "oci", digests: [SHA256] }], "oci", "acme/app", { digests: [SHA256] }), "rule-0");
});

test("what the edge does not know about an artifact counts against the artifact", () => {
  const unknown = { version: undefined, tag: undefined, digests: undefined, published: undefined };
  for (const rule of [{ versions: "<1" }, { digests: [SHA512] }, { younger_than_days: 7 }]) {
    assert.equal(refusal([{ ecosystem: "npm", ...rule }], "npm", "web", unknown), "rule-0");
  }
  assert.equal(refusal([{ action: "allow", ecosystem: "npm", versions: "<1" }, {}], "npm", "web", unknown), "rule-1");
  assert.equal(npm("<1.0.0", "no version"), "rule-0");
  assert.equal(python("<1", "no version"), "rule-0");
});

test("rules about tags and ages do not concern the layers of images", () => {
  const layer = { version: null, tag: null, digests: [SHA256], published: null };
  const tags = { ecosystem: "oci", tags: ["1.*"] };
  assert.equal(refusal([tags], "oci", "acme/app", layer), "");
  assert.equal(refusal([{ younger_than_days: 7 }], "oci", "acme/app", layer), "");
  assert.equal(refusal([{ ...tags, action: "allow" }, {}], "oci", "acme/app", layer), "");
  assert.equal(refusal([{ ...tags, action: "allow" }, {}], "oci", "acme/app", { tag: "2.0" }), "rule-1");
});

const VERSION = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.constantFrom("", "-beta.1")).map(([a, b, c, d]) => `${a}.${b}.${c}${d}`);
const RULE = fc.record(
  {
    action: fc.constantFrom("allow", "deny"),
    ecosystem: fc.constant("npm"),
    packages: fc.array(fc.constantFrom("*", "web", "@acme/*", "w*"), { minLength: 1, maxLength: 2 }),
    versions: fc.tuple(fc.constantFrom("<", ">=", "=", "^"), VERSION).map((parts) => parts.join("")),
    digests: fc.constant([SHA512]),
  },
  { requiredKeys: ["action", "ecosystem", "packages"] },
);
const ARTIFACT = fc.record({
  version: fc.option(VERSION, { nil: undefined }),
  tag: fc.constant(null),
  digests: fc.option(fc.constantFrom([], [SHA512]), { nil: undefined }),
  published: fc.option(fc.integer({ min: NOW - 20 * DAY, max: NOW }), { nil: undefined }),
});
const NAME = fc.constantFrom("web", "@acme/web", "other");

const FIELDS = [
  ...["name", "action", "ecosystem", "packages", "principals", "versions", "tags", "digests", "younger_than_days", "reason"],
  ...["severity", "without_license", "without_provenance", "unknown", "other"],
];
const VALUE = fc.oneof(
  fc.constantFrom("allow", "deny", "npm", "pypi", "oci", ">=1", "==1.*", "low", 3, ["*"], ["MIT", "BSD-*"], ["1.*"], [SHA512], [SHA256]),
  fc.jsonValue(),
);
/** A valid rule. The test replaces random fields of this rule with random values. */
const CHANGED_RULE = fc.tuple(RULE, fc.dictionary(fc.constantFrom(...FIELDS), VALUE, { maxKeys: 2 })).map(([rule, changes]) => ({ ...rule, ...changes }));
const CHANGED_DOCUMENT = fc.tuple(fc.array(CHANGED_RULE, { maxLength: 4 }), fc.dictionary(fc.constantFrom("format", "exemptions", "experiments", "operators"), VALUE, { maxKeys: 1 }))
  .map(([rules, changes]) => JSON.stringify({ format: 1, rules: rules.map((rule, index) => ({ name: `rule-${index}`, ...rule })), ...changes }));

test("any text is a policy that decides about any artifact, or an invalid policy", () => {
  let valid = 0;
  fc.assert(fc.property(fc.oneof({ weight: 3, arbitrary: CHANGED_DOCUMENT }, { weight: 1, arbitrary: fc.oneof(fc.json(), fc.string()) }), NAME, ARTIFACT, (text, name, artifact) => {
    try {
      const policy = parsePolicy(text);
      valid += 1;
      for (const ecosystem of ["npm", "pypi", "oci"] as const) refusing(rulesFor(policy, ecosystem, name), { ...OLD, ...artifact }, NOW);
    } catch (error) {
      assert.ok(error instanceof InvalidDocument, String(error));
    }
  }), cases(5_000, 0.2));
  assert.ok(valid > 100, `only ${valid} of the texts are policies`);
});

test("a deny rule in front refuses more, and an allow rule in front refuses less", () => {
  fc.assert(fc.property(fc.array(RULE), RULE, NAME, ARTIFACT, (rules, first, name, artifact) => {
    const before = refusal(rules, "npm", name, artifact) !== "";
    const after = refusal([first, ...rules], "npm", name, artifact) !== "";
    if (first.action === "deny") assert.ok(after || !before);
    else assert.ok(!after || before);
  }), { numRuns: 10_000 });
});

test("an age rule never refuses later what it allowed before", () => {
  fc.assert(fc.property(fc.array(RULE), ARTIFACT, fc.integer({ min: 1, max: 20 }), fc.nat(20 * DAY), (rules, artifact, days, later) => {
    const aged = [...rules, { younger_than_days: days }];
    if (refusal(aged, "npm", "web", artifact) === "") assert.equal(refusal(aged, "npm", "web", artifact, NOW + later), "");
  }), { numRuns: 10_000 });
});

test("a policy that names other packages does not decide", () => {
  fc.assert(fc.property(fc.array(RULE), ARTIFACT, (rules, artifact) => {
    const others = rules.map((rule) => ({ ...rule, packages: ["@other/*"] }));
    assert.equal(refusal(others, "npm", "web", artifact), "");
  }));
});
