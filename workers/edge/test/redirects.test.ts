// Tests the internal redirects of the worker on one of our own PoP machines: which requests the worker leaves to NGINX,
// and which object it tells NGINX to send.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DEFAULT_FLAGS } from "../src/experiments";
import { flagsIn } from "../src/l1";
import { redirectToL1 } from "../src/redirects";
import { type ObjectRoute, route } from "../src/routes";

declare global {
  // The test declares this interface, because l1.ts uses it. It belongs to workerd, but TypeScript cannot load
  // workerd's type definitions together with those of Node.
  interface Fetcher {
    fetch: typeof fetch;
  }
}

function redirect(path: string, headers: Record<string, string> = {}, policy?: string, isBlocking = false): Response {
  const request = new Request(`https://packages.test${path}`, { headers });
  const wanted = route(new URL(request.url), request.headers.get("accept") ?? "") as ObjectRoute;
  assert.equal(wanted.kind, "object");
  const view = policy === undefined ? undefined : ({ kind: "filtered", policy } as const);
  return redirectToL1(wanted, request, { latitude: 38.9, longitude: -77.4 }, DEFAULT_FLAGS, isBlocking, view);
}

test("a redirect names the object's path in L1 and the place of the PoP", () => {
  const { headers } = redirect("/pypi/files/demo/demo-1.0+local.tar.gz");
  assert.equal(headers.get("x-accel-redirect"), "/objects/pypi/files/demo/demo-1.0%2Blocal.tar.gz");
  assert.equal(headers.get("x-artifact-edge-place"), "38.9,-77.4");
  assert.equal(headers.get("vary"), null);
});

test("a redirect to a document under a policy names the filtered document", () => {
  const { headers } = redirect("/pypi/simple/demo/", { accept: "text/html" }, "f".repeat(64));
  assert.equal(headers.get("x-accel-redirect"), `/filtered/${"f".repeat(64)}/pypi/simple/demo/index.html`);
  assert.equal(headers.get("vary"), "Accept");
});

test("NGINX may remember a redirect, unless the policy blocks networks", () => {
  assert.equal(redirect("/npm/web").headers.get("x-accel-expires"), null);
  assert.equal(redirect("/npm/web", {}, undefined, true).headers.get("x-accel-expires"), "0");
});

test("a redirect carries the flags of the client's variants for a miss, and no flags of a client without variants", () => {
  const request = new Request("https://packages.test/npm/web");
  const wanted = route(new URL(request.url), "") as ObjectRoute;
  const { headers } = redirectToL1(wanted, request, undefined, { shieldPool: ["us-*"], hedging: false }, false);
  assert.deepEqual(flagsIn(new Headers({ "x-artifact-edge-flags": headers.get("x-artifact-edge-flags")! })), {
    ...DEFAULT_FLAGS,
    shieldPool: ["us-*"],
    hedging: false,
  });
  assert.equal(redirect("/npm/web").headers.get("x-artifact-edge-flags"), null);
});

test("a redirect to an image's blob has the headers of the registry API", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const { headers } = redirect(`/v2/acme/web/blobs/${digest}`);
  assert.equal(headers.get("docker-content-digest"), digest);
  assert.equal(headers.get("docker-distribution-api-version"), "registry/2.0");
});

test("the worker itself answers requests for parts of documents, and requests with preconditions", () => {
  const file = "/pypi/files/demo/demo-1.0.tar.gz";
  assert.equal(redirect("/npm/web/latest").headers.get("x-accel-redirect"), null);
  assert.equal(redirect("/v2/acme/web/tags/list?n=1").headers.get("x-accel-redirect"), null);
  for (const name of ["if-match", "if-unmodified-since", "if-range"]) {
    assert.equal(redirect(file, { [name]: '"1"' }).headers.get("x-accel-redirect"), null, name);
  }
  assert.notEqual(redirect(file, { "if-none-match": '"1"' }).headers.get("x-accel-redirect"), null);
});
