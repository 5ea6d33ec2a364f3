// Unit tests of edge policy rules about licences and provenance. They test which licence expressions satisfy a rule.
// They also test in which fields the edge finds the licence and the provenance of a version.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { artifactsIn } from "../src/artifacts";
import { refusing, rulesFor } from "../src/filtering";
import { isSatisfied } from "../src/licenses";
import { parsePolicy } from "../src/policy";
import type { Ecosystem } from "../src/routes";

const ALLOWED = ["MIT", "BSD-*", "Apache-2.0", "MIT License", "Apache 2.0"];

for (const [expression, expected] of [
  ["MIT", true],
  ["mit", true],
  ["BSD-3-Clause", true],
  ["Apache 2.0", true],
  ["GPL-3.0-only", false],
  ["MIT OR GPL-3.0-only", true],
  ["GPL-3.0-only OR (MIT AND BSD-2-Clause)", true],
  ["MIT AND GPL-3.0-only", false],
  ["(MIT AND GPL-3.0-only) OR Apache-2.0", true],
  ["MIT OR Apache-2.0 AND GPL-3.0-only", true],
  ["(MIT OR Apache-2.0) AND GPL-3.0-only", false],
  ["MIT License AND GPL-3.0-only", false],
  ["MIT License or Apache 2.0", true],
  ["Apache-2.0 WITH LLVM-exception", false],
  ["MIT AND", false],
  ["(MIT", false],
  ["MIT) OR (MIT", false],
  ["", false],
  ["(".repeat(2_000), false],
] as const) {
  test(`${expression.slice(0, 50)} is ${expected ? "" : "not "}enough`, () => assert.equal(isSatisfied(expression, ALLOWED), expected));
}

test("an expression has the value of its operators", () => {
  type Tree = string | [Tree, "AND" | "OR", Tree];
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Tree>("MIT", "BSD-2-Clause", "GPL-3.0-only", "Other License 1.0"),
      fc.tuple(tie("tree"), fc.constantFrom("AND" as const, "OR" as const), tie("tree")) as fc.Arbitrary<Tree>,
    ),
  }));
  const text = (of: Tree): string => (typeof of === "string" ? of : `(${text(of[0])}) ${of[1]} (${text(of[2])})`);
  const value = (of: Tree): boolean =>
    typeof of === "string" ? of === "MIT" || of.startsWith("BSD")
    : of[1] === "AND" ? value(of[0]) && value(of[2])
    : value(of[0]) || value(of[2]);
  fc.assert(fc.property(tree, (of) => assert.equal(isSatisfied(text(of), ["MIT", "BSD-*"]), value(of))));
});

test("any text is an expression or a name", () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => assert.equal(typeof isSatisfied(text, ["*"]), "boolean")));
});

/** Returns whether `rule` refuses the artifact with the id `id` in the package index `index`. */
function isRefused(rule: Record<string, unknown>, ecosystem: Ecosystem, index: unknown, id: string): boolean {
  const rules = [{ name: "r", action: "deny", packages: ["*"], ...rule }];
  const policy = parsePolicy(JSON.stringify({ format: 1, rules }));
  const artifact = artifactsIn(ecosystem, "web", JSON.stringify(index)).get(id);
  assert.ok(artifact !== undefined);
  return refusing(rulesFor(policy, ecosystem, "web"), artifact, 0) !== undefined;
}

const npm = (manifest: Record<string, unknown>): unknown => ({ versions: { "1.0.0": manifest } });
const python = (file: Record<string, unknown>): unknown => ({ files: [{ filename: "web-1.0.tar.gz", ...file }] });

test("the licence of an npm version is that of its package.json, in all its forms", () => {
  const rule = { without_license: ["MIT"] };
  for (const [manifest, expected] of [
    [{ license: "MIT" }, false],
    [{ license: { type: "MIT", url: "x" } }, false],
    [{ licenses: [{ type: "GPL-2.0" }, { type: "MIT" }] }, false],
    [{ license: "GPL-2.0" }, true],
    [{ license: "UNLICENSED" }, true],
    [{}, true],
    [{ license: "SEE LICENSE IN LICENSE.md" }, true],
    [{ license: 7 }, true],
    [{ licenses: [] }, true],
  ] as const) {
    assert.equal(isRefused(rule, "npm", npm(manifest), "1.0.0"), expected, JSON.stringify(manifest));
  }
  const lenient = { ...rule, unknown: "allow" };
  for (const manifest of [{}, { license: "SEE LICENSE IN LICENSE.md" }, { licenses: [] }]) {
    assert.equal(isRefused(lenient, "npm", npm(manifest), "1.0.0"), false, JSON.stringify(manifest));
  }
  assert.equal(isRefused(lenient, "npm", npm({ license: "UNLICENSED" }), "1.0.0"), true);
});

test("the licence of a Python file is that in the project's page", () => {
  const rule = { without_license: ["MIT*"] };
  assert.equal(isRefused(rule, "pypi", python({ _license: "MIT License" }), "web-1.0.tar.gz"), false);
  assert.equal(isRefused(rule, "pypi", python({ _license: "MIT License AND Other" }), "web-1.0.tar.gz"), true);
  assert.equal(isRefused(rule, "pypi", python({}), "web-1.0.tar.gz"), true);
  assert.equal(isRefused({ ...rule, unknown: "allow" }, "pypi", python({}), "web-1.0.tar.gz"), false);
});

test("the provenance of an npm version is that of its attestations, and no Python file has a known one", () => {
  const rule = { without_provenance: ["https://slsa.dev/provenance/*"] };
  const attested = (predicateType: string): unknown => npm({ dist: { attestations: { provenance: { predicateType } } } });
  assert.equal(isRefused(rule, "npm", attested("https://slsa.dev/provenance/v1"), "1.0.0"), false);
  assert.equal(isRefused(rule, "npm", attested("https://example.com/other"), "1.0.0"), true);
  assert.equal(isRefused({ ...rule, unknown: "allow" }, "npm", npm({ dist: {} }), "1.0.0"), true);
  assert.equal(isRefused(rule, "pypi", python({}), "web-1.0.tar.gz"), true);
  assert.equal(isRefused({ ...rule, unknown: "allow" }, "pypi", python({}), "web-1.0.tar.gz"), false);
});

test("rules about licences and provenance do not concern images", () => {
  const index = { tags: { "1.0": "sha256:a" }, manifests: { "sha256:a": "2026-01-01T00:00:00Z" } };
  for (const id of ["tag 1.0", "sha256:a"]) {
    assert.equal(isRefused({ without_license: ["MIT"] }, "oci", index, id), false);
    assert.equal(isRefused({ without_provenance: ["*"] }, "oci", index, id), false);
  }
});
