// The main module of each script: the uploaded one, with Workers Cache between its entrypoints. What a script calls through
// ctx.exports.<entrypoint>.fetch() goes to the PoP's cache where the entrypoint is cached, and ctx.cache of a cached entrypoint
// purges that cache; all else stays as uploaded.
// Sources: developers.cloudflare.com/workers/cache ("Cache keys", "Limitations", "Purging the cache"),
// workers/runtime-apis/context ("exports").

import * as uploaded from "@MAIN@";
export * from "@MAIN@";

const SCRIPT = "@SCRIPT@";
const VERSION = "@VERSION@"; // part of the key, or `shared` where versions share the cache
const CACHED = new Set(@CACHED@);
const CACHE = "emulation:workers-cache"; // no name that a script can bind
const PURGES = "emulation:purges";

export default {
  fetch: (request, env, ctx) => uploaded.default.fetch(request, env, withCache(ctx, env)),
};

@EXPORTS@

function withCache(ctx, env) {
  const exports = new Proxy(ctx.exports, {
    get: (known, name) => (CACHED.has(name) ? cachedEntrypoint(known[name], name, env, ctx) : known[name]),
  });
  return withMembers(ctx, { exports });
}

// Returns the class of a cached entrypoint, whose instances can purge the cache before them and no other.
function withPurges(Entrypoint, name) {
  if (Entrypoint === undefined) return undefined;
  return class extends Entrypoint {
    constructor(ctx, env) {
      super(ctx, env);
      const cache = { purge: (options) => purge(name, options, env) };
      Object.defineProperty(this, "ctx", { value: withMembers(ctx, { cache }) });
    }
  };
}

async function purge(name, options, env) {
  const body = JSON.stringify({ ...options, cache: `/${SCRIPT}/${VERSION}/${name}` });
  const answer = await env[PURGES].fetch("http://purges.invalid/purge", { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

function withMembers(ctx, members) {
  return new Proxy(ctx, {
    get: (known, name) => {
      if (name in members) return members[name];
      const value = known[name];
      return typeof value === "function" ? value.bind(known) : value;
    },
  });
}

function cachedEntrypoint(stub, name, env, ctx) {
  const fetch = (input, init) => throughCache(new Request(input, init), stub, name, env, ctx);
  return new Proxy(stub, { get: (known, member) => (member === "fetch" ? fetch : known[member]) });
}

// The key is entrypoint, version, path and query; the cache sees no host. A HEAD fills the cache as a GET does.
async function throughCache(request, stub, name, env, ctx) {
  if (request.method !== "GET" && request.method !== "HEAD") return stub.fetch(request);
  const { host, pathname, search } = new URL(request.url);
  const headers = new Headers(request.headers);
  headers.set("X-Emulation-Host", host);
  const answer = await env[CACHE].fetch(`http://l1.invalid/${SCRIPT}/${VERSION}/${name}${pathname}${search}`, {
    headers,
    redirect: "manual",
  });
  if (request.method === "GET") return answer;
  if (answer.body !== null) ctx.waitUntil(answer.body.pipeTo(new WritableStream()));
  return new Response(null, answer);
}
