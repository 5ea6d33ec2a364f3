// Unit tests of advisories at the edge. The worker must read the data sets that the registry writes, and find the same
// affected versions as the registry. Each case in advisories.json has OSV records, the data that the registry makes
// from them, and the affected versions. The Python tests check that the registry still makes this data and finds these
// versions.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import fc from "fast-check";
import compare from "semver/functions/compare";

import { type Advisory, advisoriesOf, isAffected, type PackageAdvisories, parseIndex } from "../src/advisories";
import { InvalidDocument } from "../src/fields";
import { refusing, refusingAll } from "../src/filtering";
import { parsePolicy } from "../src/policy";
import type { Ecosystem } from "../src/routes";
import { rulesOf } from "../src/rule_sets";
import { Unavailable } from "../src/unavailable";
import type { Read } from "../src/versioned_documents";
import { encodedDataSet } from "./data_sets";
import written from "./advisories.json";

interface Case {
  ecosystem: "npm" | "pypi";
  package: { bounds: string[]; advisories: (Omit<Advisory, "spans"> & { spans: number[][] })[] };
  affected: Record<string, string[]>;
}

const cases = written.cases as unknown as Case[];
const [WEB, DEMO, EVIL] = cases as [Case, Case, Case];
const packagesOf = ({ ecosystem, package: of }: Case): PackageAdvisories => ({ ecosystem, ...of }) as unknown as PackageAdvisories;

test("the worker finds the versions that the records affect", () => {
  for (const each of cases) {
    const of = packagesOf(each);
    for (const [version, ids] of Object.entries(each.affected)) {
      const found = of.advisories.filter((advisory) => isAffected(of, advisory, version) === true);
      assert.deepEqual(found.map(({ id }) => id), ids, `${each.ecosystem} ${version}`);
    }
  }
  for (const each of cases) assert.equal(isAffected(packagesOf(each), packagesOf(each).advisories[0]!, "no version"), undefined);
});

test("a version is found among many bounds", () => {
  const part = fc.integer({ min: 0, max: 4 });
  const version = fc.tuple(part, part, part, fc.constantFrom("", "-0", "-rc.1")).map(([a, b, c, pre]) => `${a}.${b}.${c}${pre}`);
  fc.assert(fc.property(fc.uniqueArray(version), version, (texts, text) => {
    const bounds = texts.sort(compare);
    const of: PackageAdvisories = { ecosystem: "npm", bounds, advisories: [] };
    const below = bounds.filter((bound) => compare(bound, text) < 0).length;
    const at = 2 * below + (bounds.includes(text) ? 1 : 0);
    for (const other of [at - 1, at, at + 1]) {
      const advisory: Advisory = { id: "GHSA-1", level: "high", aliases: [], spans: [[other, other]] };
      assert.equal(isAffected(of, advisory, text), other === at);
    }
  }));
});

test("versions in the filenames that a client makes up do not fill the isolate's memory", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const of = packagesOf(WEB);
  const used = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  for (let number = 0; number < 20_000; number++) isAffected(of, of.advisories[0]!, String(number).padEnd(1_000, "x"));
  assert.ok(used() - before < 5_000_000);
  assert.notEqual(of, undefined); // the package is still in use, so its positions are not collected with it
});

test("the index that the registry writes holds its packages, and hardly any other", async () => {
  const index = parseIndex(written.index);
  assert.equal(index.shards[255], "b".repeat(64));
  const asked: string[] = [];
  const read: Read = async (key) => {
    asked.push(key);
    return new Response(null, { status: 404 });
  };
  const { shards } = parseIndex(encodedDataSet(Object.fromEntries(written.keys.map((key) => [key, {}]))).index);
  const known = { ...index, shards: shards.map((shard) => (shard === "" ? "" : "c".repeat(64))) };
  for (const key of written.keys) {
    const [ecosystem = "", name = ""] = key.split(":");
    await assert.rejects(advisoriesOf(known, ecosystem as Ecosystem, name, read), Unavailable);
  }
  assert.equal(asked.length, written.keys.length);
  for (let number = 0; number < 200; number++) await advisoriesOf(known, "npm", `other-${number}`, read);
  assert.ok(asked.length < written.keys.length + 3);
});

for (const bad of ["{", "[]", '{"version":2,"shards":[],"filter":""}', '{"version":1,"shards":[""],"filter":"AA=="}']) {
  test(`${bad} is no index`, () => assert.throws(() => parseIndex(bad), InvalidDocument));
}

/**
 * Returns one string for each of the given versions of a package: the reason why the version is refused, or an empty
 * string if the version is allowed.
 */
async function reasons(document: Record<string, unknown>, of: Case, name: string, ...versions: string[]): Promise<string[]> {
  const { index, objects } = encodedDataSet({ [`${of.ecosystem}:${name}`]: of.package });
  const read: Read = async (key) => new Response(objects.get(key) ?? null, { status: objects.has(key) ? 200 : 404 });
  const policy = parsePolicy(JSON.stringify({ format: 1, rules: [], ...document }));
  const rules = await rulesOf({ id: "x", policy, dataSet: parseIndex(index) }, of.ecosystem, name, read);
  return versions.map((version) => {
    const rule = refusingAll(rules) ?? refusing(rules, { version, tag: null, digests: [], published: 0 }, 0);
    return rule === undefined ? "" : `${rule.name}: ${rule.reason}`;
  });
}

const vulnerable = (severity: string, more: Record<string, unknown> = {}): Record<string, unknown> => {
  return { rules: [{ name: "limit", action: "deny", packages: ["*"], severity, ...more }] };
};

test("malware is refused without any rule, and before rules that allow its package", async () => {
  const malware = "known-malware: MAL-2026-1 says that this is malware";
  assert.deepEqual(await reasons({}, WEB, "web", "1.5.0", "1.2.0"), [malware, ""]);
  const allowing = { rules: [{ name: "all", action: "allow", packages: ["*"] }] };
  assert.deepEqual(await reasons(allowing, WEB, "web", "1.5.0", "1.2.0"), [malware, ""]);
  assert.deepEqual(await reasons({}, EVIL, "evil", "9.9.9"), ["known-malware: MAL-2026-3 says that this is malware"]);
});

test("an exemption takes back one advisory, by its ID or an alias, for the named packages", async () => {
  const exempt = (more: Record<string, unknown>): Record<string, unknown> => ({ exemptions: [{ reason: "reviewed", ...more }] });
  assert.deepEqual(await reasons(exempt({ advisory: "MAL-2026-1" }), WEB, "web", "1.5.0"), [""]);
  assert.deepEqual(await reasons(exempt({ advisory: "GHSA-1111-2222-3333" }), EVIL, "evil", "1.0.0"), [""]);
  const named = { advisory: "MAL-2026-1", ecosystem: "npm", packages: ["web", "@acme/*"] };
  assert.deepEqual(await reasons(exempt(named), WEB, "web", "1.5.0"), [""]);
  for (const more of [{ advisory: "MAL-2026-9" }, { ...named, packages: ["other"] }, { ...named, ecosystem: "pypi" }]) {
    assert.match((await reasons(exempt(more), WEB, "web", "1.5.0"))[0]!, /^known-malware/);
  }
});

test("a severity refuses vulnerabilities from this severity on, and names the advisory", async () => {
  const high = "limit: GHSA-aaaa-bbbb-cccc, severity high";
  assert.deepEqual(await reasons(vulnerable("critical"), WEB, "web", "1.0.0", "2.9.9"), ["", ""]);
  assert.deepEqual(await reasons(vulnerable("high"), WEB, "web", "1.0.0", "1.2.3", "2.9.9"), [high, "", ""]);
  const medium = "limit: GHSA-gggg-hhhh-jjjj, severity medium";
  assert.deepEqual(await reasons(vulnerable("medium"), WEB, "web", "1.0.0", "1.2.3", "2.9.9"), [high, "", medium]);
  const low = "limit: GHSA-dddd-eeee-ffff, severity low: upgrade";
  assert.deepEqual(await reasons(vulnerable("low", { reason: "upgrade" }), WEB, "web", "1.2.3"), [low]);
});

test("a vulnerability without a severity is refused, unless the rule allows it", async () => {
  const unknown = "limit: PYSEC-2026-1, severity unknown";
  assert.deepEqual(await reasons(vulnerable("critical"), DEMO, "demo", "0.9", "1!1.0"), [unknown, ""]);
  assert.deepEqual(await reasons(vulnerable("critical", { unknown: "allow" }), DEMO, "demo", "0.9", "1.0"), [
    "",
    "limit: PYSEC-2026-2, severity critical",
  ]);
});

test("other conditions of the rule and rules before it count, too", async () => {
  const limit = { name: "limit", action: "deny", ecosystem: "npm", packages: ["*"], severity: "high", versions: "<1" };
  assert.deepEqual((await reasons({ rules: [limit] }, WEB, "web", "0.8.9", "1.0.0")).map(Boolean), [true, false]);
  const before = { name: "ok", action: "allow", ecosystem: "npm", packages: ["web"], versions: "0.8.9" };
  assert.deepEqual((await reasons({ rules: [before, limit] }, WEB, "web", "0.8.9", "0.9.0")).map(Boolean), [false, true]);
});

test("a version that cannot be compared counts as affected", async () => {
  assert.match((await reasons({}, WEB, "web", "not a version"))[0]!, /^known-malware/);
});

test("a shard with other bytes is refused, and is read again", async () => {
  const { index, objects } = encodedDataSet({ "npm:web": WEB.package });
  const dataSet = parseIndex(index);
  await assert.rejects(advisoriesOf(dataSet, "npm", "web", async () => new Response("{}")), Unavailable);
  const [shard] = [...objects.keys()];
  const read: Read = async (key) => new Response(objects.get(key) ?? null);
  assert.equal((await advisoriesOf(dataSet, "npm", "web", read))?.advisories.length, 4);
  assert.equal(createHash("sha256").update(objects.get(shard!)!).digest("hex"), shard!.slice("advisories/shards/".length, -5));
});
