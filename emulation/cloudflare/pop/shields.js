// Emulates Cloudflare's checks of a worker's fetch through an mTLS binding.
//
// Names of an active zone resolve from the records of this zone only. Without a record, the answer is 530 with the
// error 1016 (workers/platform/known-issues, "Fetch API in CNAME setup"). A client certificate cannot be presented to a
// proxied name: the answer is 520 (workers/runtime-apis/bindings/mtls). An origin that does not accept the connection
// in time is reported with 522 (fundamentals/reference/connection-limits, "Complete TCP Connection").

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
  return answer.headers.has("X-Emulation-Unreachable") ? refused(522, 522) : answer;
}

// Returns whether each name of the zone is proxied, or undefined for a name outside of all zones.
function recordsOfZone(name, zones) {
  const zone = Object.keys(zones).filter((each) => name === each || name.endsWith(`.${each}`));
  return zones[zone.sort((one, other) => other.length - one.length)[0]];
}
