// Cloudflare's own front, as far as scripts can see it: it picks the script by route, takes away what clients may not say,
// and says where the request came in. Reference: developers.cloudflare.com/fundamentals/reference/http-headers.

const RESERVED = /^(cf-.*|cdn-loop|true-client-ip|x-real-ip|x-forwarded-for|x-forwarded-proto)$/;
// Clients of the emulated sandbox come over loopback; they all get one address that is reserved for documentation (RFC 5737).
const CLIENT = "192.0.2.1";

export default {
  async fetch(request, env) {
    const script = routed(new URL(request.url), env.ROUTES);
    if (script === undefined) {
      return new Response("error code: 1016\n", { status: 530 });
    }
    const headers = presented(request.headers, env.POP);
    try {
      return await env[script].fetch(new Request(request, { headers }), { cf: origin(env.POP) });
    } catch (error) {
      console.error(error);
      return new Response("error code: 1101\n", { status: 500 });
    }
  },
};

// The most specific pattern decides: the longer one, where several match. One without a script keeps scripts off.
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

function presented(sent, pop) {
  const headers = new Headers([...sent].filter(([name]) => !RESERVED.test(name)));
  headers.set("CF-Connecting-IP", CLIENT);
  headers.set("CF-IPCountry", pop.country);
  headers.set("CF-Ray", `${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}-${pop.colo}`);
  headers.set("CF-Visitor", '{"scheme":"https"}');
  headers.set("X-Forwarded-For", CLIENT);
  headers.set("X-Forwarded-Proto", "https");
  return headers;
}

function origin(pop) {
  return { ...pop, tlsVersion: "TLSv1.3", httpProtocol: "HTTP/1.1" };
}
