// Emulates Cloudflare's checks of a worker's fetch through an mTLS binding.
//
// Names of an active zone resolve from the records of this zone only. Without a record, the answer is 530 with the
// error 1016 (workers/platform/known-issues, "Fetch API in CNAME setup"). A client certificate cannot be presented to a
// proxied name: the answer is 520 (workers/runtime-apis/bindings/mtls). An origin that does not answer has an error from
// 520 to 526 (fundamentals/reference/connection-limits; support/troubleshooting/http-status-codes/cloudflare-5xx-errors).

const refused = (status, code) => new Response(`error code: ${code}\n`, { status });

export default {
  async fetch(request, env) {
    const name = new URL(request.url).hostname;
    const records = recordsOfZone(name, env.ZONES);
    if (records === undefined) return fromOrigin(request, env);
    const isProxied = records[name] ?? records[`*${name.slice(name.indexOf("."))}`];
    if (isProxied === undefined) return refused(530, 1016);
    return isProxied ? refused(520, 520) : fromOrigin(request, env);
  },
};

async function fromOrigin(request, env) {
  const answer = await env.ORIGINS.fetch(request);
  const failure = answer.headers.get("X-Emulation-Failure");
  if (failure === null) return answer;
  const status = failure === "unknown" ? await causeOf(request, env) : Number(failure);
  return refused(status, status === 530 ? 1016 : status);
}

// Returns the status for an origin that refused the connection or ended it. Traffic Server does not say why it has no
// answer, so the emulated Cloudflare connects to the origin again.
async function causeOf(request, env) {
  const { hostname, port } = new URL(request.url);
  const answer = await env.FAILURES.fetch(`http://failures.invalid/${hostname}/${port || "443"}`);
  if (!answer.ok) throw new Error(`the failure of ${hostname}: ${answer.status}`);
  return Number(await answer.text());
}

// Returns whether each name of the zone is proxied, or undefined for a name outside of all zones.
function recordsOfZone(name, zones) {
  const zone = Object.keys(zones).filter((each) => name === each || name.endsWith(`.${each}`));
  return zones[zone.sort((one, other) => other.length - one.length)[0]];
}
