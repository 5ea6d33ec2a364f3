// Sends random requests to the worker. The test fails if the worker cannot answer a request, or if a response contains
// an object for which the token has no grant.

import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { test } from "node:test";

import fc from "fast-check";

import { conditionsOf } from "../src/conditions";
import { credentialOf } from "../src/credentials";
import { route } from "../src/routes";
import { subjectOf } from "../src/subjects";
import { cases } from "./cases";
import { edge, grant, stub } from "./edge";

const DIGEST = `sha256:${"a".repeat(64)}`;
const NAMES = ["web", "@acme/web", "@acme%2fweb", "@acme/web-2", "JSONStream", "acme-web", "Acme_Web", "acme/app", "acme/app/tags", "*", "-"];
const GRANTED = ["*", "web", "@acme/*", "*/web", "acme-*", "acme/app", "acme/*", "jsonstream", "w**b", "%2f", ""];
// Paths that the worker routes. Each `@` stands for the name of a package.
const PATHS = [
  "/npm/@", "/npm/@/1.0.0", "/npm/@/-/web-1.0.0.tgz", "/npm/-/package/@/dist-tags", "/npm/-/npm/v1/attestations/@@1.0.0",
  "/npm/-/npm/v1/keys", "/npm/-/v1/search?text=web", "/npm/-/whoami", "/pypi/simple/", "/pypi/simple/@/",
  "/pypi/files/@/web-1.0-py3-none-any.whl", "/pypi/files/@/web-1.0.tar.gz.metadata", "/v2/", "/v2/@/tags/list?n=1",
  "/v2/@/manifests/1.0", `/v2/@/manifests/${DIGEST}`, `/v2/@/blobs/${DIGEST}`, `/v2/@/referrers/${DIGEST}`,
  "/healthz", "/token?scope=repository:@:pull", "/-/purge", "/objects/npm/@/packument.json",
];
const PIECES = ["/", "//", "..", "%2e%2e", "%2f", "%00", "%25", "%", "@", "?", "#", "*", "\\", "é", ":", "-", "~", "npm", "v2", "a"];

const wellFormed = fc.tuple(fc.constantFrom(...PATHS), fc.constantFrom(...NAMES)).map(([path, name]) => path.replace("@", name));
const piece = fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 5 }));
/**
 * A random path: a path that the worker serves, a served path with random characters inserted, or a path of random
 * pieces.
 */
const path = fc.oneof(
  { weight: 2, arbitrary: wellFormed },
  fc.tuple(wellFormed, fc.nat(), piece).map(([text, at, more]) => text.slice(0, at % text.length) + more + text.slice(at % text.length)),
  fc.array(piece).map((pieces) => `/${pieces.join("")}`),
);
const mediaType = fc.constantFrom("*/*", "text/html", "application/vnd.npm.install-v1+json", "application/vnd.pypi.simple.v1+json", "");
const accept = fc.oneof(
  fc.array(fc.tuple(mediaType, fc.oneof(fc.double().map(String), fc.string({ maxLength: 3 })))).map((types) =>
    types.map(([type, quality]) => `${type};q=${quality}`).join(",")),
  fc.string(),
);
const grants = fc.array(
  fc.tuple(fc.constantFrom("npm", "pypi", "oci", "*"), fc.constantFrom(...GRANTED), fc.constantFrom("pull", "pull", "pull", "push", "*"))
    .map((parts) => parts.join(":")),
  { maxLength: 4 },
);
/**
 * Functions that return the value of an Authorization header for a token. Only the first two return valid credentials.
 * The others return random or changed texts.
 */
const authorization = fc.oneof(
  { weight: 4, arbitrary: fc.constant((token: string) => `Bearer ${token}`) },
  { weight: 2, arbitrary: fc.constant((token: string) => `Basic ${btoa(`user:${token}`)}`) },
  { weight: 1, arbitrary: fc.string().map((text) => () => text) },
  { weight: 1, arbitrary: fc.string().map((text) => (token: string) => `Bearer ${token}${text}`) },
  { weight: 1, arbitrary: fc.string().map((text) => () => `Bearer ${text}.${text}.${text}`) },
);
const header = fc.oneof(fc.string(), fc.constantFrom("bytes=0-0", "bytes=-1", "bytes=9-", "bytes=99999999999999999999-", '"1"', 'W/"1"', "*", "Thu, 01 Jan 1970 00:00:00 GMT"));
const CONDITIONS = ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
const conditions = fc.dictionary(fc.constantFrom(...CONDITIONS), header, { maxKeys: 3 });

/** Returns whether HTTP allows the string as the value of a header field (RFC 9110, section 5.5). */
const isFieldValue = (text: string): boolean => /^[\t\x20-\x7e\x80-\xff]*$/.test(text);

test("any URL has a route, and the key of its object belongs to the package whose grant is checked", () => {
  fc.assert(fc.property(path, accept, (text, types) => {
    if (!URL.canParse(text, "https://packages.test")) return;
    const found = route(new URL(text, "https://packages.test"), types);
    if (found.kind !== "object" || found.name === "*") return;
    assert.doesNotMatch(found.key, /(^|\/)\.{0,2}(\/|$)|[\u0000-\u0020\\%]/);
    const subject = subjectOf(found.key);
    assert.deepEqual([subject?.ecosystem, subject?.name], [found.ecosystem, found.name]);
  }), cases(2_000, 0.3));
});

test("any Authorization header has a credential, and only signed sessions are sessions", async () => {
  await fc.assert(fc.asyncProperty(authorization, fc.string(), async (headerOf, token) => {
    // Some of the tested headers encode the token with `btoa`. `btoa` accepts only characters up to U+00FF, so the test
    // removes all others.
    const sent = headerOf([...token].filter((character) => character <= "\xff").join(""));
    assert.notEqual((await credentialOf(sent, "key", "packages.test")).kind, "session");
  }), cases(1_000, 0.1));
});

test("any conditions are conditions or are ignored", () => {
  fc.assert(fc.property(fc.constantFrom("GET", "HEAD"), conditions, (method, given) => {
    const sent = new Headers(Object.entries(given).filter(([, value]) => isFieldValue(value)));
    const { range } = conditionsOf(method, sent);
    for (const position of Object.values(range ?? {})) assert.ok(Number.isSafeInteger(position) && position >= 0);
  }), cases(1_000, 0.15));
});

/**
 * Sends a request with exactly the path `target`. (`fetch` would normalize the path.) Returns the status, and the body
 * as text.
 */
async function send(target: string, headers: Record<string, string>): Promise<[number, string]> {
  const { hostname, port } = new URL(edge);
  const sent = request({ hostname, port, path: target, headers });
  sent.end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  let body = "";
  for await (const part of answer.setEncoding("latin1")) body += String(part);
  return [answer.statusCode ?? 0, body];
}

/**
 * Returns whether one of the grants permits a pull of the object with this key. The function parses the key with
 * patterns of its own. With the worker's patterns, the test could not find a mistake in these patterns.
 */
function isGranted(key: string, given: readonly string[]): boolean {
  if (key.startsWith("npm/-/")) return true; // each client with a token may read the documents below npm/-/
  const [, ecosystem = "", name = "*"] =
    /^(npm)\/((?:@[^/]+\/)?[^/]+)\//.exec(key) ?? /^(pypi)\/(?:simple|files)\/([^/]+)\//.exec(key) ??
    /^(oci)\/(?:tags|taglists)\/(.+)\/[^/]+$/.exec(key) ?? /^(oci)\/(?:manifests|blobs|referrers)\/(.+)\/[^/]+\/[^/]+$/.exec(key) ??
    /^(pypi)\/simple\/index/.exec(key) ?? [];
  return given.some((each) => {
    const [of, pattern = "", action, ...more] = each.split(":");
    const glob = new RegExp(`^${pattern.split("*").map((part) => part.replace(/[^A-Za-z0-9]/g, "\\$&")).join(".*")}$`);
    return more.length === 0 && of === ecosystem && action === "pull" && glob.test(name.toLowerCase());
  });
}

test("no request gets an object without a token and a grant, and each request gets an answer", async () => {
  let number = 0;
  let served = 0;
  stub.shield = (incoming, response) => {
    const key = (incoming.url ?? "").slice("/objects/".length).split("/").map(decodeURIComponent).join("/");
    const packument = { "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": { object: `<${key}>` } } };
    const found = { name: "web", version: "1.0.0", object: "<npm/web/packument.json>" };
    const packages = key === "npm/-/search.json" ? [found] : [];
    const body = JSON.stringify({ name: "any", ...packument, tags: [`<${key}>`], manifests: [], packages, object: `<${key}>` });
    response.writeHead(200, { "content-type": "application/json", "cache-control": "public, max-age=5", etag: '"1"' }).end(body);
  };
  await fc.assert(fc.asyncProperty(path, accept, grants, authorization, conditions, fc.nat(3), async (target, types, given, headerOf, more, dice) => {
    const token = `token-${(number += 1)}`;
    const isIssued = dice > 0;
    if (isIssued) grant(token, given, 4_000_000_000, `principal-${number}`);
    const credential = headerOf(token);
    const fields = Object.entries({ ...more, accept: types, authorization: credential }).filter(([, value]) => isFieldValue(value));
    if (!/^\/[\x21-\x7e]*$/.test(target)) return;
    const [status, body] = await send(target, Object.fromEntries(fields));
    assert.ok(status >= 200 && status < 500, `${status} ${body}`);
    // HTTP ignores spaces and tabs at the end of a header's value, so the worker does not get them
    const hasToken = isIssued && (credential.replace(/[ \t]+$/, "") === `Bearer ${token}` || credential.startsWith("Basic "));
    for (const [, key = ""] of body.matchAll(/<([^>]*)>/g)) {
      served += 1;
      assert.ok(hasToken && isGranted(key, given), `${key} with ${String(given)}`);
    }
  }), cases(500, 0.1));
  assert.ok(served > 0, "no request got an object, so the test tests nothing");
});
