// The worker script that the probe of Workers Cache deploys. Each call of the cached entrypoint returns a new value in
// the header `x-call`. Two responses with the same value come from one call. The URL's query sets headers of the
// response.

import { WorkerEntrypoint } from "cloudflare:workers";

export class Cached extends WorkerEntrypoint {
  purge(tags) {
    return this.ctx.cache.purge({ tags });
  }
  method() {
    return crypto.randomUUID();
  }
  zeros(bytes) {
    const { readable, writable } = new FixedLengthStream(bytes);
    this.ctx.waitUntil(written(writable.getWriter(), bytes));
    return readable;
  }
  async fetch(request) {
    if (request.headers.has("x-fail")) return new Response(null, { status: 503, headers: { "cache-control": "no-store" } });
    const headers = new Headers({
      "cache-control": "public, max-age=600",
      "x-call": crypto.randomUUID(),
      "x-range": request.headers.get("range") ?? "none",
    });
    for (const [name, value] of new URL(request.url).searchParams) {
      value === "" ? headers.delete(name) : headers.set(name, value);
    }
    await new Promise((done) => setTimeout(done, Number(headers.get("x-delay"))));
    if (headers.has("x-empty")) return new Response(null, { status: 204, headers });
    if (headers.has("x-bytes")) return new Response(this.zeros(Number(headers.get("x-bytes"))), { headers });
    return new Response("0123456789", { headers });
  }
}

async function written(writer, bytes) {
  const chunk = new Uint8Array(1 << 20);
  for (let left = bytes; left > 0; left -= chunk.length) await writer.write(left < chunk.length ? chunk.subarray(0, left) : chunk);
  await writer.close();
}

export class Other extends Cached {}

export default {
  async fetch(request, env, ctx) {
    const { pathname, search, searchParams } = new URL(request.url);
    if (pathname === "/ready") return new Response("ready");
    if (pathname === "/purge") {
      return Response.json(await ctx.exports[searchParams.get("entrypoint")].purge(searchParams.getAll("tag")));
    }
    if (pathname === "/method") return new Response(await ctx.exports.Cached.method());
    const host = request.headers.get("x-probe-host") ?? "cache";
    const headers = ["range", "authorization", "x-fail"].flatMap((name) => {
      const value = request.headers.get(name);
      return value === null ? [] : [[name, value]];
    });
    return ctx.exports.Cached.fetch(new Request(`https://${host}${pathname}${search}`, { method: request.method, headers }));
  },
};
