// Tests the remembered routes of URLs. A remembered route must equal the route that the worker would compute again,
// whatever the client's Accept header is.

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { KnownRoutes } from "../src/known_routes";
import { route } from "../src/routes";

const DIGEST = `sha256:${"a".repeat(64)}`;
const PATHS = [
  ...["/npm/web", "/npm/web/latest", "/npm/web/-/web-1.0.0.tgz", "/npm/-/package/web/dist-tags", "/npm/-/v1/search?text=web"],
  ...["/pypi/simple/", "/pypi/simple/web/", "/pypi/files/web/web-1.0.whl", "/pypi/files/Web/web-1.0.whl"],
  ...["/v2/", "/v2/web/tags/list", "/v2/web/tags/list?n=1", "/v2/web/manifests/latest", `/v2/web/blobs/${DIGEST}`, "/token", "/other"],
];
const TYPES = ["", "*/*", "text/html", "application/vnd.pypi.simple.v1+json", "application/vnd.npm.install-v1+json"];

test("whatever clients have requested before, a known route is the route of the URL", () => {
  let found = 0;
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom(...PATHS), fc.constantFrom(...TYPES)), { minLength: 30 }), (requests) => {
    const routes = new KnownRoutes();
    for (const [path, accept] of requests) {
      const url = `https://packages.test${path}`;
      const expected = route(new URL(url), accept);
      const known = routes.routeOf(url);
      if (known !== undefined) assert.deepEqual(known, expected);
      found += Number(known !== undefined);
      routes.remember(url, expected);
    }
  }));
  assert.ok(found > 0);
});

test("an isolate remembers at most 2,000 routes, and none of a long URL", () => {
  const routes = new KnownRoutes();
  const found = route(new URL("https://packages.test/npm/web/-/web-1.0.0.tgz"), "");
  for (let number = 0; number < 2_001; number += 1) routes.remember(String(number), found);
  assert.deepEqual([routes.routeOf("0"), routes.routeOf("1"), routes.routeOf("2000")], [undefined, found, found]);
  routes.remember("x".repeat(501), found);
  assert.equal(routes.routeOf("x".repeat(501)), undefined);
});
