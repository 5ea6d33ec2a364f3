// Tests `npm search`. The edge answers from the list of npm packages, and the answer contains only packages that the
// token may pull.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, edge, grant, shieldRequests, stub } from "./edge";

const PACKAGES = [
  { name: "@acme/cli", version: "0.9.0", description: "Commands of the web server", keywords: ["cli", "Tools"], author: { username: "Ada" } },
  { name: "@acme/secret", version: "1.0.0", description: "A web of secrets" },
  { name: "JSONStream", version: "1.3.5", keywords: ["json", "tools"], maintainers: [{ username: "dominic", email: "d@x.test" }] },
  { name: "web", version: "2.0.0", date: "2026-01-01T00:00:00.000Z", links: { homepage: "https://web.test" } },
  { name: "web-tools", version: "1.0.0" },
];

interface Found {
  objects: { package: { name: string; maintainers: unknown[] }; score: { final: number }; searchScore: number }[];
  total: number;
  time: string;
}

async function search(query: string, grants = ["npm:*:pull"]): Promise<{ answer: Response; found: Found; names: string[] }> {
  // Each list of grants needs a token of its own, because an isolate keeps the grants of a token for some seconds.
  const token = Buffer.from(grants.join(" ")).toString("hex");
  grant(token, grants);
  stub.shield = (_, response) => {
    response.writeHead(200, { "content-type": "application/json", "cache-control": "public, max-age=5", etag: '"1"' });
    response.end(JSON.stringify({ packages: PACKAGES }));
  };
  const answer = await fetch(`${edge}/npm/-/v1/search?${query}`, { headers: bearer(token) });
  const found = (await answer.json()) as Found;
  return { answer, found, names: found.objects.map((each) => each.package.name) };
}

test("a search finds packages by name, description and keywords, the best name first", async () => {
  for (const [query, expected] of [
    ["text=web", ["web", "web-tools", "@acme/cli", "@acme/secret"]],
    ["text=WEB+server", ["@acme/cli"]],
    ["text=%40acme%2Fcli", ["@acme/cli"]],
    ["text=cli", ["@acme/cli"]],
    ["text=jsonstream", ["JSONStream"]],
    ["text=tools", ["web-tools", "@acme/cli", "JSONStream"]],
    ["text=none", []],
    ["text=", PACKAGES.map(({ name }) => name)],
    ["text=web&quality=0.65&popularity=0.98&maintenance=0.5", ["web", "web-tools", "@acme/cli", "@acme/secret"]],
  ] as const) {
    assert.deepEqual((await search(query)).names, expected, query);
  }
});

test("qualifiers of a search restrict it, and unknown ones select nothing", async () => {
  for (const [query, expected] of [
    ["text=keywords:tools", ["@acme/cli", "JSONStream"]],
    ["text=keywords:json,cli", ["@acme/cli", "JSONStream"]],
    ["text=keywords:tools,-json", ["@acme/cli"]],
    ["text=author:ada", ["@acme/cli"]],
    ["text=maintainer:dominic", ["JSONStream"]],
    ["text=maintainer:d@x.test", ["JSONStream"]],
    ["text=scope:acme", ["@acme/cli", "@acme/secret"]],
    ["text=scope:acme+not:unstable", ["@acme/secret"]],
    ["text=is:unstable", ["@acme/cli"]],
    ["text=jsonstream+boost-exact:false+not:insecure", ["JSONStream"]],
  ] as const) {
    assert.deepEqual((await search(query)).names, expected, query);
  }
});

test("a search has as many results as requested, and states how many there are", async () => {
  for (const [query, names, total] of [
    ["text=web&size=1", ["web"], 4],
    ["text=web&size=2&from=1", ["web-tools", "@acme/cli"], 4],
    ["text=web&from=9", [], 4],
    ["text=web&size=0", [], 4],
    ["text=web&size=-1&from=x", ["web", "web-tools", "@acme/cli", "@acme/secret"], 4],
  ] as const) {
    const { found, names: shown } = await search(query);
    assert.deepEqual([shown, found.total], [names, total], query);
  }
});

test("the result has the fields that npm's clients read", async () => {
  const { answer, found } = await search("text=web&size=1");
  assert.deepEqual(found.objects[0]?.package, { maintainers: [], ...PACKAGES[3] });
  assert.equal(found.objects[0]?.score.final, 1);
  assert.ok(Date.parse(found.time) > 0);
  assert.match(answer.headers.get("content-type")!, /^application\/json/);
  assert.equal(answer.headers.get("cache-control"), "private, max-age=5");
  assert.equal(answer.headers.get("etag"), null);
});

test("a client finds only packages that its token may pull, and nobody finds any without a token", async () => {
  assert.deepEqual((await search("text=web", ["npm:@acme/c*:pull", "npm:web:push"])).names, ["@acme/cli"]);
  assert.deepEqual((await search("text=stream", ["npm:jsonstream:pull"])).names, ["JSONStream"]);
  assert.deepEqual((await search("text=web", ["oci:*:pull"])).found.total, 0);
  assert.equal(shieldRequests.at(-1)?.path, "/objects/npm/-/search.json");
  assert.equal((await fetch(`${edge}/npm/-/v1/search?text=web`)).status, 401);
});

test("a registry without npm packages has no results", async () => {
  grant("searcher", ["npm:*:pull"]);
  stub.shield = (_, response) => response.writeHead(404).end();
  const answer = await fetch(`${edge}/npm/-/v1/search?text=web`, { headers: bearer("searcher") });
  const { objects, total } = (await answer.json()) as Found;
  assert.deepEqual([answer.status, objects, total], [200, [], 0]);
});
