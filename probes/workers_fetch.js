// The worker script that the probe of fetches with a client certificate deploys. The worker fetches the host in the
// URL's query through its mTLS binding, and reports the status and the text of the answer.

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/ready") return new Response("ready");
    const answer = await env.WITH_CERTIFICATE.fetch(`https://${searchParams.get("host")}/`, { redirect: "manual" });
    const headers = {
      "x-status": String(answer.status),
      "x-cache-status": answer.headers.get("cf-cache-status") ?? "missing",
      "cache-control": "no-store",
    };
    return new Response(await answer.text(), { headers });
  },
};
