// Tests when an isolate reads the list of a package's refused artifacts, and for how long the isolate uses its copy of
// the list. The tests use a fake clock.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Ruling, rulingOn } from "../src/enforcement";
import { parsePolicy } from "../src/policy";
import type { ObjectRoute } from "../src/routes";
import type { Read } from "../src/versioned_documents";

const RULE = { name: "old", action: "deny", ecosystem: "npm", packages: ["*"], versions: "<1" };
const policy = parsePolicy(JSON.stringify({ format: 1, rules: [RULE] }));
const stored: Read = async () => assert.fail("without advisories, nothing else is read");
let ids = 0;

/**
 * Emulates an isolate that has just received a new edge policy. `list` returns the list of a package's refused
 * artifacts. Returns a function and an array. The function returns the policy's decision on a tarball at a given time.
 * The array contains the key of each list of refused artifacts that the isolate has read.
 */
function isolate(list: () => Record<string, string>): [(file: string, now: number, name?: string) => Promise<Ruling>, string[]] {
  const [id, read]: [string, string[]] = [String(ids++), []];
  const refusals: Read = async (key) => {
    read.push(key);
    return Response.json(list());
  };
  const on = (file: string, now: number, name = "web"): Promise<Ruling> => {
    const wanted: ObjectRoute = { kind: "object", ecosystem: "npm", name, key: `npm/${name}/-/${file}`, negotiated: false };
    return rulingOn(wanted, { id, policy, dataSet: undefined }, stored, refusals, now);
  };
  return [on, read];
}

test("an isolate reads a package's list of refusals once in two seconds", async () => {
  const [on, read] = isolate(() => ({ "web-1.0.0.tgz": "", "web-0.1.0.tgz": "old" }));
  assert.equal((await on("web-1.0.0.tgz", 1_000)).kind, "unaffected");
  assert.equal((await on("web-0.1.0.tgz", 2_999)).kind, "refused");
  assert.deepEqual(read, ["npm/web/packument.json"]);
  await on("web-1.0.0.tgz", 3_000);
  assert.equal(read.length, 2);
});

test("a list without the artifact is read again, because the artifact may be new", async () => {
  const listed: Record<string, string> = { "web-0.1.0.tgz": "old" };
  const [on] = isolate(() => listed);
  assert.equal((await on("web-0.2.0.tgz", 0)).kind, "unlisted");
  listed["web-0.2.0.tgz"] = "old";
  assert.equal((await on("web-0.2.0.tgz", 1)).kind, "refused");
});

test("the memory for lists is bounded, and the oldest list goes first", async () => {
  const [on, read] = isolate(() => ({ "x-1.0.0.tgz": "", filler: "x".repeat(900_000) }));
  for (const name of ["a", "b", "c", "d", "e"]) await on("x-1.0.0.tgz", 0, name);
  assert.equal(read.length, 5);
  await on("x-1.0.0.tgz", 1, "e");
  assert.equal(read.length, 5);
  await on("x-1.0.0.tgz", 1, "a");
  assert.equal(read.length, 6);
});

test("no ruling is made while no list can be read", async () => {
  const wanted: ObjectRoute = { kind: "object", ecosystem: "npm", name: "web", key: "npm/web/-/web-1.0.0.tgz", negotiated: false };
  const cut = new ReadableStream({ pull: (controller) => controller.error(new TypeError("Network connection lost.")) });
  const answers = [undefined, new Response(null, { status: 502 }), new Response(cut)];
  for (const answer of answers) {
    const ruling = await rulingOn(wanted, { id: "other", policy, dataSet: undefined }, stored, async () => answer, 0);
    assert.equal(ruling.kind, "unknown");
  }
});
