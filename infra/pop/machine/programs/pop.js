// The main module of the edge worker on a PoP machine. It gives the deployed bundle what Cloudflare's runtime gives it:
// a cache in front of the cached entrypoints, `ctx.cache.purge()`, and the PoP's coordinates in `request.cf`.
//
// The entrypoint `decisions` answers NGINX: 200 with the path of an object that NGINX may send from L1, or 401 when the
// worker answers the request itself. It counts no failed tokens, because NGINX then sends the request again.

import edge, { Feeds as UncachedFeeds, Objects as UncachedObjects } from "worker.js";

const L1 = "pop:l1";
const PURGES = "pop:purges";
const PLACE = "pop:place";
const LIMITS = "pop:limits";

export default {
  fetch: (request, env, ctx) => {
    const FAILED_TOKENS = { limit: ({ key }) => countFailedToken(key, env) };
    return edge.fetch(located(request, env), { ...env, FAILED_TOKENS }, withL1(ctx, env));
  },
};

export const decisions = {
  async fetch(request, env, ctx) {
    // A decision reads no body. To add a member costs a tenth less of the decision than to make a new request.
    const seen = withMembers(request, { cf: env[PLACE] });
    const answer = await edge.fetch(seen, { ...env, REDIRECT_TO_L1: "1" }, withL1(ctx, env));
    if (answer.headers.has("x-accel-redirect")) return answer;
    await answer.body?.cancel();
    return new Response(null, { status: 401 });
  },
};

export class Feeds extends UncachedFeeds {}

export class Objects extends UncachedObjects {
  constructor(ctx, env) {
    // NGINX makes the headers for clients itself, so L1 stores objects as shields send them.
    super(ctx, { ...env, REDIRECT_TO_L1: "1" });
    const cache = { purge: (options) => purge(options, env) };
    // A filtered document is made from the document in L1, so this entrypoint calls itself through L1.
    Object.defineProperty(this, "ctx", { value: withMembers(withL1(ctx, env), { cache }) });
  }
}

function located(request, env) {
  return new Request(request, { cf: env[PLACE] });
}

// Takes the place of Cloudflare's rate limiting binding. NGINX counts, for all workerd processes of the machine.
async function countFailedToken(address, env) {
  const url = `http://limits/-/failed-tokens?address=${encodeURIComponent(address)}`;
  const answer = await env[LIMITS].fetch(url);
  await answer.body?.cancel();
  return { success: answer.status !== 429 };
}

async function purge({ tags }, env) {
  const answer = await env[PURGES].fetch("http://purges/purge", { method: "POST", body: JSON.stringify({ tags }) });
  await answer.body?.cancel();
  const errors = answer.ok ? [] : [{ code: answer.status, message: "the PoP's tag index does not answer" }];
  return { success: answer.ok, errors };
}

// The runtime makes a new stub each time that an entrypoint is read, and few requests need one.
function withL1(ctx, env) {
  return {
    waitUntil: (work) => ctx.waitUntil(work),
    exports: {
      get Objects() {
        return throughL1(ctx.exports.Objects, "Objects", env);
      },
      get Feeds() {
        return throughL1(ctx.exports.Feeds, "Feeds", env);
      },
    },
  };
}

function throughL1(stub, name, env) {
  const fetch = (input, init) => {
    const request = new Request(input, init);
    const { pathname, search } = new URL(request.url);
    const { method, headers, signal } = request;
    return env[L1].fetch(`http://l1/${name}${pathname}${search}`, { method, headers, signal, redirect: "manual" });
  };
  return { fetch, purge: (tags) => stub.purge(tags) };
}

function withMembers(target, members) {
  return new Proxy(target, {
    get: (known, name) => {
      if (name in members) return members[name];
      const value = known[name];
      return typeof value === "function" ? value.bind(known) : value;
    },
  });
}
