// Emulates Workers Cache for a worker script that a client uploaded. In the emulation, this module is the script's main
// module, and it imports the main module that the client uploaded. CACHED contains the names of the entrypoints whose
// responses Workers Cache stores. A call of ctx.exports.<entrypoint>.fetch() for such an entrypoint goes through the
// PoP's cache. When such an entrypoint calls ctx.cache.purge(), only responses of this entrypoint are purged. In all
// other respects, this module behaves like the uploaded one.
//
// Sources: developers.cloudflare.com/workers/cache ("Cache keys", "Limitations", "Purging the cache"),
// workers/runtime-apis/context ("exports").

import * as uploaded from "@MAIN@";
export * from "@MAIN@";

const SCRIPT = "@SCRIPT@";
const ID = "@ID@"; // the id of this version of the script
const VERSION = "@CACHE_VERSION@"; // a part of each cache key; `shared` if all versions of the script share the cache
const CACHED = new Set(@CACHED@);
const CACHE = "emulation:workers-cache"; // scripts cannot have a binding of this name, because names contain no colon
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

// Returns a subclass of `Entrypoint`, the class of an entrypoint whose responses are cached. The script exports the
// subclass in place of the class. `name` is the name of the entrypoint. When this entrypoint calls itself or another
// entrypoint whose responses are cached, the call goes through the PoP's cache. When it calls ctx.cache.purge(), only
// its own responses are purged.
function withPurges(Entrypoint, name) {
  if (Entrypoint === undefined) return undefined;
  return class extends Entrypoint {
    constructor(ctx, env) {
      super(ctx, env);
      const cache = { purge: (options) => purge(name, options, env) };
      Object.defineProperty(this, "ctx", { value: withMembers(withCache(ctx, env), { cache }) });
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

// Sends a request to the PoP's cache. The request is for an entrypoint whose responses are cached. The cache key
// consists of script, version, entrypoint, path and query, and does not contain the host. A HEAD request becomes a GET
// request, so that it also fills the cache. Requests with other methods go to the entrypoint directly.
async function throughCache(request, stub, name, env, ctx) {
  if (request.method !== "GET" && request.method !== "HEAD") return stub.fetch(request);
  const { host, pathname, search } = new URL(request.url);
  const headers = new Headers(request.headers);
  headers.set("X-Emulation-Host", host);
  headers.set("X-Emulation-Version", ID);
  const answer = await env[CACHE].fetch(`http://l1.invalid/${SCRIPT}/${VERSION}/${name}${pathname}${search}`, {
    headers,
    redirect: "manual",
  });
  if (request.method === "GET") return answer;
  if (answer.body !== null) ctx.waitUntil(answer.body.pipeTo(new WritableStream()));
  return new Response(null, answer);
}
