// Unit tests of pure functions. The functions map URLs to object keys, match grants with package names, and map object
// keys to shields (regional caches).

import assert from "node:assert/strict";
import { test } from "node:test";
import { allows, matches } from "../src/grants";
import { route } from "../src/routes";
import { candidates } from "../src/shields";

const DIGEST = `sha256:${"a".repeat(64)}`;

function key(path: string, accept = ""): string {
  const wanted = route(new URL(path, "https://packages.test"), accept);
  return wanted.kind === "object" ? `${wanted.name} ${wanted.key}` : wanted.kind;
}

test("URLs map to the keys of the contracts page", () => {
  const install = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
  const json = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
  const table: [string, string, string][] = [
    ["/npm/web", "", "web npm/web/packument.json"],
    ["/npm/web", "*/*", "web npm/web/packument.json"],
    ["/npm/@acme/web", install, "@acme/web npm/@acme/web/packument.abbreviated.json"],
    ["/npm/@acme%2fweb", install, "@acme/web npm/@acme/web/packument.abbreviated.json"],
    ["/npm/@acme/web/-/web-1.0.0.tgz", "", "@acme/web npm/@acme/web/-/web-1.0.0.tgz"],
    ["/npm/@acme/web/-/@acme/web-1.0.0.tgz", "", "@acme/web npm/@acme/web/-/web-1.0.0.tgz"],
    ["/npm/@acme%2fweb/-/@acme%2Fweb-1.0.0.tgz", "", "@acme/web npm/@acme/web/-/web-1.0.0.tgz"],
    ["/npm/@acme/web/-/@other/web-1.0.0.tgz", "", "unknown"],
    ["/npm/web/-/@acme/web-1.0.0.tgz", "", "unknown"],
    ["/npm/web", "application/vnd.npm.install-v1+json, */*", "web npm/web/packument.abbreviated.json"],
    ["/npm/web", "*/*, application/json;q=0.9", "web npm/web/packument.abbreviated.json"],
    ["/npm/web", "application/vnd.npm.install-v1+json;q=0, */*;q=0", "web npm/web/packument.json"],
    ["/pypi/simple/web/", "application/vnd.pypi.simple.v1+json, */*", "web pypi/simple/web/index.json"],
    ["/pypi/simple/web/", "*/*", "web pypi/simple/web/index.html"],
    ["/pypi/simple/web/", "text/html, application/vnd.pypi.simple.v1+json, */*", "web pypi/simple/web/index.html"],
    ["/npm/web/%5E1.0.0", "", "web npm/web/packument.json"],
    ["/npm/web/*", "", "web npm/web/packument.json"],
    [`/npm/web/${"1||".repeat(85)}2`, "", "web npm/web/packument.json"],
    ["/npm/@acme/web/~1.0", "", "@acme/web npm/@acme/web/packument.json"],
    ["/npm/web/1.0.0%2Bbuild", "", "web npm/web/packument.json"],
    ["/npm/-/npm/v1/attestations/@acme%2fweb@1.0.0-beta.1", "", "@acme/web npm/@acme/web/attestations/1.0.0-beta.1.json"],
    ["/npm/JSONStream", "", "jsonstream npm/JSONStream/packument.json"],
    ["/npm/JSONStream/-/JSONStream-1.3.5.tgz", "", "jsonstream npm/JSONStream/-/JSONStream-1.3.5.tgz"],
    ["/npm/@acme/_x/-/_x-1.0.0.tgz", "", "@acme/_x npm/@acme/_x/-/_x-1.0.0.tgz"],
    ["/npm/-", "", "- npm/-/packument.json"],
    ["/npm/-/-/--0.0.1.tgz", "", "- npm/-/-/--0.0.1.tgz"],
    ["/npm/@acme%2f-", "", "@acme/- npm/@acme/-/packument.json"],
    ["/npm/@acme/-/-/--1.0.0.tgz", "", "@acme/- npm/@acme/-/-/--1.0.0.tgz"],
    ["/npm/@acme/-/1.0.0", "", "@acme/- npm/@acme/-/packument.json"],
    ["/npm/-/package/-/dist-tags", "", "- npm/-/packument.abbreviated.json"],
    ["/npm/web/1.0.0", install, "web npm/web/packument.json"],
    ["/npm/web/latest", "", "web npm/web/packument.json"],
    ["/npm/@acme%2Fweb/1.0.0-rc.1", "", "@acme/web npm/@acme/web/packument.json"],
    ["/npm/@acme/web/latest", "", "@acme/web npm/@acme/web/packument.json"],
    ["/npm/-/package/@acme%2fweb/dist-tags", "", "@acme/web npm/@acme/web/packument.abbreviated.json"],
    ["/npm/-/package/@acme%2Fweb/dist-tags", "", "@acme/web npm/@acme/web/packument.abbreviated.json"],
    ["/npm/-/package/@acme/web/dist-tags", "", "@acme/web npm/@acme/web/packument.abbreviated.json"],
    ["/npm/-/package/web/dist-tags", "", "web npm/web/packument.abbreviated.json"],
    ["/npm/-/npm/v1/keys", "", "* npm/-/keys.json"],
    ["/npm/-/v1/search?text=web", "", "* npm/-/search.json"],
    ["/npm/-/ping", "", "authenticated"],
    ["/npm/-/whoami", "", "authenticated"],
    ["/pypi/simple/", "", "* pypi/simple/index.html"],
    ["/pypi/simple/acme-greeter/", json, "acme-greeter pypi/simple/acme-greeter/index.json"],
    ["/pypi/simple/acme-greeter/", "application/vnd.pypi.simple.latest+json", "acme-greeter pypi/simple/acme-greeter/index.json"],
    ["/pypi/simple/acme-greeter/", "text/html;q=0.1, application/vnd.pypi.simple.latest+json;q=0.2",
      "acme-greeter pypi/simple/acme-greeter/index.json"],
    ["/pypi/simple/acme-greeter/", "application/vnd.pypi.simple.v1+html, application/vnd.pypi.simple.v1+json;q=0.5",
      "acme-greeter pypi/simple/acme-greeter/index.html"],
    ["/pypi/simple/acme-greeter/", "application/vnd.pypi.simple.latest+html", "acme-greeter pypi/simple/acme-greeter/index.html"],
    ["/pypi/simple/Acme.Greeter/", "", "redirect"],
    ["/pypi/simple/acme-greeter", "", "redirect"],
    ["/pypi/files/Acme_Greeter/acme_greeter-1.0-py3-none-any.whl", "", "redirect"],
    ["/pypi/files/acme-greeter/acme_greeter-1.0-py3-none-any.whl.metadata", "",
      "acme-greeter pypi/files/acme-greeter/acme_greeter-1.0-py3-none-any.whl.metadata"],
    ["/v2/acme/app/manifests/1.0", "", "acme/app oci/tags/acme/app/1.0"],
    [`/v2/acme/app/manifests/${DIGEST}`, "", `acme/app oci/manifests/acme/app/sha256/${"a".repeat(64)}`],
    [`/v2/acme/app/blobs/${DIGEST}`, "", `acme/app oci/blobs/acme/app/sha256/${"a".repeat(64)}`],
    [`/v2/acme/app/referrers/${DIGEST}`, "", `acme/app oci/referrers/acme/app/sha256/${"a".repeat(64)}.json`],
    ["/v2/acme/app/tags/list", "", "acme/app oci/taglists/acme/app/list.json"],
    ["/v2/", "", "authenticated"],
    ["/token?service=x", "", "token"],
  ];
  for (const [path, accept, expected] of table) assert.equal(key(path, accept), expected, path);
});

test("a path with extra slashes is redirected to the path without them", () => {
  for (const [path, location] of [
    ["/npm//web", "/npm/web"],
    ["//npm/web", "/npm/web"],
    ["/npm//@acme%2fweb?write=true", "/npm/@acme%2fweb?write=true"],
    ["/npm/web/", "/npm/web"],
    ["/npm/@acme%2Fweb//", "/npm/@acme%2Fweb"],
    ["/npm/web//-/web-1.0.0.tgz", "/npm/web/-/web-1.0.0.tgz"],
    ["/pypi//simple//web/", "/pypi/simple/web/"],
    ["/pypi/files//web/web-1.0.tar.gz", "/pypi/files/web/web-1.0.tar.gz"],
  ] as const) {
    assert.deepEqual(route(new URL(`https://packages.test${path}`), ""), { kind: "redirect", location }, path);
  }
  for (const path of ["//", "/npm/", "/healthz//", "/npm/web%2F%2Fx", "//evil.test/npm/web"]) {
    assert.equal(route(new URL(`https://packages.test${path}`), "").kind, "unknown", path);
  }
  assert.equal(route(new URL("https://packages.test/v2//app/tags/list"), "").kind, "invalid");
});

test("the route of an invalid path is unknown", () => {
  for (const path of [
    "/",
    "/npm/",
    "/npm/..%2f..%2fblobs",
    "/npm/%2e%2e/web",
    "/npm/@acme%252fweb",
    "/npm/web/-/..%2fx.tgz",
    "/npm/web/-/evil%00.tgz",
    "/npm/@Acme/web",
    "/npm/@acme/Web",
    "/npm/web/latest/x",
    "/npm/web/.x",
    "/npm/-/package/web",
    "/npm/-/-/x/y.tgz",
    "/npm/web/-rev/1",
    "/npm/-/package/../dist-tags",
    "/npm/-/package/@Acme%2fweb/dist-tags",
    "/npm/-/v1/search/x",
    "/npm/-/npm/v1/security/advisories/bulk",
    "/npm/-/all",
    "/npm/-/npm/v1/attestations/web",
    "/npm/-/npm/v1/attestations/@1.0.0",
    "/npm/-/npm/v1/attestations/web@../1.0.0",
    "/pypi/files/a/b/c",
    "/pypi/files/a/%2e%2e",
    `/npm/${"a".repeat(300)}`,
    `/npm/web/${"1||".repeat(100)}2`,
  ]) {
    assert.equal(key(path), "unknown", path);
  }
});

test("a pattern matches whole names, and a star matches any run of characters", () => {
  for (const [pattern, name] of [["*", "x"], ["@acme/*", "@acme/web"], ["a*c*e", "abcde"], ["a*", "a"], ["x", "x"]]) {
    assert.ok(matches(pattern!, name!), `${pattern} ${name}`);
  }
  for (const [pattern, name] of [["@acme/*", "@acme-evil/web"], ["a", "ab"], ["ab*ba", "aba"], ["*x", "xy"], ["", "a"]]) {
    assert.ok(!matches(pattern!, name!), `${pattern} ${name}`);
  }
});

test("a grant allows one action in one ecosystem, and a malformed grant allows nothing", () => {
  assert.ok(allows(["npm:@acme/*:pull"], "npm", "@acme/web", "pull"));
  for (const grant of ["pypi:@acme/*:pull", "npm:@acme/*:push", "npm", "npm:pull", ":", "npm:@acme/*", "*:*:pull"]) {
    assert.ok(!allows([grant], "npm", "@acme/web", "pull"), grant);
  }
});

test("the nearest region comes first, and the loss of a node moves only that node's keys", () => {
  const east = { region: "us-east-1", latitude: 38.9, longitude: -77.4 };
  const nodes = [0, 1, 2].map((n) => ({ host: `us-east-1-${n}`, ...east }));
  const europe = { host: "eu-west-1-0", region: "eu-west-1", latitude: 53.3, longitude: -6.3 };
  const keys = Array.from({ length: 300 }, (_, n) => `npm/p${n}/packument.json`);
  const first = (among: typeof nodes, k: string): string => candidates(among, k, europe)[0]!.host;
  assert.ok(keys.every((k) => first([...nodes, europe], k) === "eu-west-1-0"));
  assert.ok(keys.every((k) => candidates([europe, ...nodes], k, east)[3]!.host === "eu-west-1-0"));
  for (const k of keys) {
    const before = first(nodes, k);
    if (before !== "us-east-1-1") assert.equal(first(nodes.filter((n) => n.host !== "us-east-1-1"), k), before);
  }
  const share = keys.filter((k) => first(nodes, k) === "us-east-1-0").length;
  assert.ok(share > 60 && share < 140, `${share} of 300 keys on one of three nodes`);
});
