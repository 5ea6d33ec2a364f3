// Emulates what Cloudflare does with a client's request before a worker script runs. Applies the rules of the zone.
// Chooses the script by the worker routes, and the version of the script by the percentages of its deployment. Removes
// headers that clients must not set. Adds the location of the PoP and the client's IP address.
// Reference: developers.cloudflare.com/fundamentals/reference/http-headers.

import { report } from "invocations.js";
import { blocked, fieldsOf } from "rules.js";
import { OVERRIDES_HEADER, versionFor } from "versions.js";

const RESERVED = /^(cf-.*|cdn-loop|true-client-ip|x-real-ip|x-forwarded-for|x-forwarded-proto)$/;
// Clients in the sandbox connect to the PoP over the loopback interface. Connections of a client that chooses no source
// address come from UNBOUND. Rules and worker scripts see CLIENT as the IP address of such a client (from a prefix for
// documentation, RFC 5737). If a client binds its socket to another loopback address, they see this other address.
const CLIENT = "192.0.2.1";
const UNBOUND = "127.0.0.1";
// The most bytes of a request's header fields together (developers.cloudflare.com/workers/platform/limits, "Request
// limits"). The page does not say with which status Cloudflare refuses a larger request.
const MOST_HEADER_BYTES = 128 * 1024;

// The counters of rate limiting rules. All requests of a PoP run in one isolate.
const counters = new Map();

export default {
  async fetch(request, env, ctx) {
    if (bytesOf(request.headers) > MOST_HEADER_BYTES) return new Response("too large\n", { status: 431 });
    const url = new URL(request.url);
    const client = clientOf(request);
    const rules = env.RULES.find(({ hosts }) => hosts.some((host) => fits(host, url.hostname)))?.rules ?? {};
    const refusal = blocked(rules, fieldsOf(request, client, env.POP.country), counters, Date.now());
    if (refusal !== undefined) return refusal;
    const script = routed(url, env.ROUTES);
    if (script === undefined) {
      return new Response("error code: 1016\n", { status: 530 });
    }
    if (request.headers.has(OVERRIDES_HEADER)) return new Response(`not emulated: ${OVERRIDES_HEADER}\n`, { status: 501 });
    const version = await versionFor(env.VERSIONS[script], request.headers);
    const headers = presented(request.headers, env.POP, client);
    try {
      const answer = await env[version.service].fetch(new Request(request, { headers }), { cf: origin(env.POP) });
      report(version, answer.status, env, ctx);
      return answer;
    } catch (error) {
      report(version, undefined, env, ctx);
      console.error(error);
      return new Response("error code: 1101\n", { status: 500 });
    }
  },
};

// Returns the script of the most specific route that matches, which is the one with the longest pattern. The result is
// undefined if no route matches or if that route excludes its requests from all scripts.
function routed(url, routes) {
  const matching = routes.filter(({ pattern }) => matches(pattern, url));
  matching.sort((one, other) => other.pattern.length - one.pattern.length);
  return matching[0]?.script ?? undefined;
}

function matches(pattern, url) {
  const [, scheme, host, path] = /^(https?:)?(?:\/\/)?([^/]+)(.*)$/.exec(pattern);
  return (!scheme || scheme === url.protocol) && fits(host, url.hostname) && fits(path || "/", url.pathname);
}

function fits(pattern, text) {
  if (pattern.startsWith("*")) return text.endsWith(pattern.slice(1));
  if (pattern.endsWith("*")) return text.startsWith(pattern.slice(0, -1));
  return pattern === text;
}

function bytesOf(headers) {
  return [...headers].reduce((bytes, [name, value]) => bytes + `${name}: ${value}\r\n`.length, 0);
}

function clientOf(request) {
  const address = request.cf?.clientIp?.replace(/:\d+$/, "") ?? UNBOUND;
  return address === UNBOUND ? CLIENT : address;
}

function presented(sent, pop, client) {
  const headers = new Headers([...sent].filter(([name]) => !RESERVED.test(name)));
  headers.set("CF-Connecting-IP", client);
  headers.set("CF-IPCountry", pop.country);
  headers.set("CF-Ray", `${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}-${pop.colo}`);
  headers.set("CF-Visitor", '{"scheme":"https"}');
  headers.set("X-Forwarded-For", client);
  headers.set("X-Forwarded-Proto", "https");
  return headers;
}

function origin(pop) {
  return { ...pop, tlsVersion: "TLSv1.3", httpProtocol: "HTTP/1.1" };
}
