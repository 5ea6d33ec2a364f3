// Tests how the edge worker authenticates clients: credentials in each form that clients send, and sessions of the
// token endpoint.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { jwtVerify, SignJWT } from "jose";

import { apiRequests, basic, bearer, edge, entries, grant, record, shieldRequests, SIGNING_KEY, stub } from "./edge";

const KEY = new TextEncoder().encode(SIGNING_KEY);
const IMAGE = "/v2/acme/app/manifests/1.0";

type Answer = Record<string, unknown> & { access_token: string };

const asked = async (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(edge + path, { headers, redirect: "manual" });
const statusOf = async (path: string, headers: Record<string, string>): Promise<number> => (await asked(path, headers)).status;
const challengeOf = (answer: Response): string => answer.headers.get("www-authenticate") ?? "";

async function session(token: string, ...scopes: string[]): Promise<Answer> {
  const query = new URLSearchParams([["service", "packages.test"], ["offline_token", "true"], ...scopes.map((scope) => ["scope", scope])]);
  const answer = await asked(`/token?${query}`, basic(token));
  assert.equal(answer.status, 200);
  return (await answer.json()) as Answer;
}

async function posted(form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${edge}/token`, { method: "POST", body: new URLSearchParams(form), headers });
}

beforeEach(() => {
  grant("reader", ["oci:acme/*:pull", "npm:web:pull", "pypi:*:pull"]);
});

test("a token is accepted as Bearer, as the password of any user, and as the user name without a password", async () => {
  const encoded = (text: string): Record<string, string> => ({ authorization: `Basic ${btoa(text)}` });
  const forms = [bearer("reader"), encoded("__token__:reader"), encoded(":reader"), encoded("alice@acme.test:reader"), encoded("reader:")];
  for (const headers of [...forms, { authorization: "bearer  reader" }, { authorization: `BASIC ${btoa("x:reader")}` }]) {
    for (const path of ["/npm/web", "/pypi/simple/web/", IMAGE]) {
      assert.equal(await statusOf(path, headers), 200, `${path} ${headers["authorization"]}`);
    }
  }
});

test("a header with text after the credential, or in another form, is refused", async () => {
  const { access_token: jwt } = await session("reader", "repository:acme/app:pull");
  for (const authorization of [
    "Bearer reader junk",
    "Bearer reader, Bearer reader",
    "Bearer reader,x=y",
    `Bearer ${jwt} junk`,
    `Basic ${btoa("x:reader")} junk`,
    `Basic ${btoa("reader")}`,
    "Basic x:reader",
    "Bearer",
    "Bearer reader\tjunk",
    "Digest reader",
    "reader",
    "Bearer:reader",
  ]) {
    assert.equal(await statusOf(IMAGE, { authorization }), 401, authorization);
  }
  assert.deepEqual(shieldRequests, []);
});

test("each path's 401 names the realm where its clients authenticate", async () => {
  const bearerRealm = 'Bearer realm="https://packages.test/token",service="packages.test"';
  const table: [string, string][] = [
    ["/npm/web", 'Basic realm="packages.test", Bearer realm="packages.test"'],
    ["/npm/-/whoami", 'Basic realm="packages.test", Bearer realm="packages.test"'],
    ["/pypi/simple/web/", 'Basic realm="packages.test"'],
    ["/pypi/files/web/web-1.0.tar.gz", 'Basic realm="packages.test"'],
    ["/v2/", bearerRealm],
    [IMAGE, `${bearerRealm},scope="repository:acme/app:pull"`],
    ["/token", 'Basic realm="packages.test"'],
  ];
  for (const [path, challenge] of table) {
    const answer = await asked(path);
    assert.deepEqual([answer.status, challengeOf(answer)], [401, challenge], path);
  }
});

test("the 401 reports invalid_token for a wrong Bearer credential, but not for a wrong password or no credential", async () => {
  for (const path of ["/v2/", IMAGE, "/npm/web"]) {
    assert.match(challengeOf(await asked(path, bearer("wrong"))), /Bearer .*error="invalid_token"/, path);
    assert.doesNotMatch(challengeOf(await asked(path, basic("wrong"))), /error/, path);
    assert.doesNotMatch(challengeOf(await asked(path)), /error/, path);
  }
});

test("the token endpoint's answer has every field of the token specification that clients read", async () => {
  const { token, access_token: same, expires_in: life, issued_at: since, scope, ...others } = await session(
    "reader",
    "repository:acme/app:pull,push",
  );
  assert.deepEqual([token, life, scope, others], [same, 300, "repository:acme/app:pull", {}]);
  assert.match(String(since), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/);
  const { payload } = await jwtVerify(same, KEY, { audience: "packages.test", subject: "alice" });
  assert.deepEqual(payload["access"], [{ type: "repository", name: "acme/app", actions: ["pull"] }]);
  assert.equal(payload.exp! - payload.iat!, 300);
  assert.equal(Date.parse(String(since)), payload.iat! * 1000);
});

test("a session allows pulls from the repositories of its scopes, and nothing else", async () => {
  const { access_token: jwt } = await session("reader", "repository:acme/app:pull", "repository:acme/b:pull repository:acme/c:*");
  for (const path of ["/v2/", IMAGE, "/v2/acme/b/tags/list", "/v2/acme/c/manifests/1"]) {
    assert.equal(await statusOf(path, bearer(jwt)), 200, path);
  }
  const other = await asked("/v2/acme/other/manifests/1", bearer(jwt));
  assert.equal(other.status, 401);
  assert.match(challengeOf(other), /scope="repository:acme\/other:pull",error="insufficient_scope"$/);
  for (const path of ["/npm/web", "/npm/-/whoami", "/pypi/simple/web/", "/token?scope=repository:acme/app:pull"]) {
    assert.equal(await statusOf(path, bearer(jwt)), 401, path);
  }
  assert.equal((await fetch(`${edge}/npm/web`, { headers: basic(jwt) })).status, 401);
});

test("a session without a granted repository scope allows pulls from no repository", async () => {
  for (const scopes of [[], ["repository:acme/app:push"], ["registry:catalog:*"], ["repository:acme/*:pull"], ["junk"], ["repository:acme/app"]]) {
    const { access_token: jwt } = await session("reader", ...scopes);
    assert.equal(await statusOf("/v2/", bearer(jwt)), 200);
    assert.equal(await statusOf(IMAGE, bearer(jwt)), 401, scopes.join());
  }
  const denied = await session("reader", "repository:other/app:pull", "repository(plugin):acme/app:pull");
  assert.equal(denied["scope"], "repository:acme/app:pull");
  assert.equal(await statusOf("/v2/other/app/manifests/1.0", bearer(denied.access_token)), 403);
});

test("a session cannot renew itself as any form of credential", async () => {
  const { access_token: jwt } = await session("reader", "repository:acme/app:pull");
  assert.equal(await statusOf("/token", bearer(jwt)), 401);
  assert.equal(await statusOf("/token", basic(jwt)), 401);
  assert.equal((await posted({ grant_type: "refresh_token", refresh_token: jwt })).status, 401);
  assert.equal((await posted({ grant_type: "password", username: "x", password: jwt })).status, 401);
  assert.equal((await posted({ grant_type: "client_credentials" }, bearer(jwt))).status, 400);
});

test("a forged, foreign or expired session is refused with invalid_token", async () => {
  const { access_token: jwt } = await session("reader", "repository:acme/app:pull");
  const { payload } = await jwtVerify(jwt, KEY);
  const changed = async (claims: Record<string, unknown>, secret = KEY): Promise<Response> => {
    const forged = await new SignJWT({ ...payload, ...claims }).setProtectedHeader({ alg: "HS256" }).sign(secret);
    return asked(IMAGE, bearer(forged));
  };
  assert.equal((await changed({})).status, 200);
  const refused = [
    await changed({}, new TextEncoder().encode("other")),
    await changed({ aud: "elsewhere" }),
    await changed({ exp: 1 }),
    await changed({ exp: undefined }),
  ];
  for (const answer of refused) {
    assert.equal(answer.status, 401);
    assert.match(challengeOf(answer), /scope="repository:acme\/app:pull",error="invalid_token"$/);
  }
  for (const access of [undefined, "acme/app", [null], [{ type: "repository", name: "acme/app" }], [{ type: "x", name: "acme/app", actions: ["pull"] }]]) {
    assert.equal((await changed({ access })).status, 401, JSON.stringify(access));
  }
});

test("OAuth 2.0: a password or refresh token is exchanged for a session, and docker's identitytoken is the token", async () => {
  const form = { service: "packages.test", client_id: "docker", scope: "repository:acme/app:pull repository:acme/b:pull" };
  const login = await posted({ ...form, grant_type: "password", username: "any", password: "reader", access_type: "offline" });
  const { refresh_token: kept, access_token: first } = (await login.json()) as Answer;
  assert.deepEqual([login.status, kept, await statusOf(IMAGE, bearer(first))], [200, "reader", 200]);
  const refreshed = await posted({ ...form, grant_type: "refresh_token", refresh_token: String(kept) });
  const { access_token: jwt, scope, expires_in: life, refresh_token: again } = (await refreshed.json()) as Answer;
  assert.deepEqual([life, scope, again], [300, "repository:acme/app:pull repository:acme/b:pull", "reader"]);
  assert.deepEqual([await statusOf("/v2/acme/b/manifests/1", bearer(jwt)), await statusOf("/npm/web", bearer(jwt))], [200, 401]);
  const online = (await (await posted({ ...form, grant_type: "password", username: "any", password: "reader" })).json()) as Answer;
  assert.equal("refresh_token" in online, false);
});

test("OAuth 2.0: a request without an exchangeable credential gets an error with the reason", async () => {
  const wrong = await posted({ grant_type: "refresh_token", refresh_token: "wrong" });
  assert.deepEqual([wrong.status, challengeOf(wrong)], [401, 'Basic realm="packages.test"']);
  for (const form of [{ grant_type: "password", username: "reader" }, { grant_type: "refresh_token" }]) {
    assert.equal((await posted(form, basic("reader"))).status, 401);
  }
  const unsupported = await posted({ grant_type: "authorization_code", code: "1" });
  const body = (await unsupported.json()) as { error: string; errors: unknown[] };
  assert.deepEqual([unsupported.status, body.error, body.errors.length], [400, "unsupported_grant_type", 1]);
  const json = await fetch(`${edge}/token`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
  assert.equal(json.status, 400);
  assert.equal((await posted({ grant_type: "refresh_token", refresh_token: "x".repeat(20_000) })).status, 400);
  const put = await fetch(`${edge}/token`, { method: "PUT", body: "" });
  assert.deepEqual([put.status, put.headers.get("allow")], [405, "GET, HEAD, POST"]);
});

test("answers of the token endpoint forbid caches to store them", async () => {
  for (const answer of [await asked("/token"), await asked("/token", basic("reader")), await posted({})]) {
    assert.equal(answer.headers.get("cache-control"), "no-store");
  }
});

test("a Python project outside the grants is 404, so that uv tries its next index, and 403 for a reserved name, so that uv stops", async () => {
  grant("some", ["pypi:acme-web:pull", "npm:web:pull"]);
  const seen = async (path: string): Promise<string> => {
    const answer = await asked(path, basic("some"));
    return `${answer.status} ${await answer.text()}`;
  };
  for (const name of ["requests", "acme", "acmeweb"]) {
    assert.match(await seen(`/pypi/simple/${name}/`), /^404 .*: no such project, or this token does not allow pulling it/);
  }
  for (const name of ["acme-secret", "acme-web-2"]) assert.match(await seen(`/pypi/simple/${name}/`), /^403 /);
  // The worker refused these requests without a request to a shield (a regional cache). Its answers can therefore not
  // reveal whether a project exists.
  assert.deepEqual(shieldRequests, []);
  assert.match(await seen("/pypi/simple/acme-web/"), /^200 /);
  for (const path of ["/pypi/simple/", "/pypi/files/requests/requests-1.0.tar.gz", "/npm/requests"]) {
    assert.match(await seen(path), /^403 /, path);
  }
  assert.equal(await statusOf("/pypi/simple/requests/", {}), 401);
  assert.equal(await statusOf("/pypi/simple/requests/", basic("wrong")), 401);
});

test("an encoded or non-canonical path does not reach an object", async () => {
  const headers = bearer("reader");
  assert.equal(await statusOf("/npm/web/-/web-1.0.0.tgz", headers), 200);
  assert.equal(await statusOf("/npm/web/-/web-1.0.0.tgz/-/anything", headers), 404);
  assert.equal(await statusOf("/npm/web/-/web-1.0.0.tgz/-", headers), 404);
  const moved: [string, string][] = [
    ["/npm/web/-/web-1.0.0.tgz/-/", "/npm/web/-/web-1.0.0.tgz/-"],
    ["/pypi/files/Some_Name/some_name-1.0.tar.gz", "/pypi/files/some-name/some_name-1.0.tar.gz"],
    ["/pypi/simple", "/pypi/simple/"],
    ["/pypi/simple/some.name", "/pypi/simple/some-name/"],
  ];
  for (const [path, location] of moved) {
    const answer = await asked(path, headers);
    assert.deepEqual([answer.status, answer.headers.get("location")], [301, location]);
  }
});

test("a revoked token ends its sessions within seconds", async () => {
  grant("leaver", ["oci:*:pull"]);
  const { access_token: jwt } = await session("leaver", "repository:acme/app:pull");
  entries.clear();
  let last = await statusOf(IMAGE, bearer(jwt));
  for (const deadline = Date.now() + 120_000; last === 200 && Date.now() < deadline; ) {
    await new Promise((done) => setTimeout(done, 100));
    last = await statusOf(IMAGE, bearer(jwt));
  }
  assert.equal(last, 401);
});

// This test must be the last test of the file, because it makes the key-value store stop answering. After such an
// outage, the isolate sends only a few reads to the store, which would change the results of later tests.
test("a store that does not answer is replaced by the metadata API, and clients get 503 when that API does not answer either", async () => {
  // This request makes the isolate read the quarantine list while the key-value store still answers. An isolate that
  // has never read the list cannot serve objects.
  assert.equal(await statusOf("/npm/web", bearer("reader")), 200);
  record("on-record-only", { principal: "bob", revision: 1, expires: 4_000_000_000, grants: ["npm:web:pull"] });
  stub.store = "silent";
  assert.equal(await statusOf("/npm/web", bearer("on-record-only")), 200);
  assert.equal(apiRequests.length, 1);
  stub.apiStatus = 503;
  const unknown = await asked("/npm/web", bearer("not-seen-before"));
  assert.deepEqual([unknown.status, unknown.headers.get("retry-after")], [503, "1"]);
});
