// Answers L1's requests after a miss. The first part of a request's path names the cached entrypoint to call.

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const [, entrypoint, ...rest] = url.pathname.split("/");
    const target = { Objects: env.Objects, Feeds: env.Feeds }[entrypoint];
    if (target === undefined) return uncached(404);
    const headers = new Headers(request.headers);
    for (const name of ["Range", "Host"]) headers.delete(name); // L1 stores whole objects, and cuts ranges itself
    try {
      const answer = await target.fetch(`https://l1/${rest.join("/")}${url.search}`, { headers, redirect: "manual" });
      const tags = answer.headers.get("cache-tag");
      if (tags !== null) await addTags(env, url.pathname + url.search, tags.split(","));
      return answer;
    } catch (error) {
      console.error(error);
      return uncached(502);
    }
  },
};

function uncached(status) {
  return new Response(null, { status, headers: { "cache-control": "no-store" } });
}

// Adds an object's tags to the PoP's index, which finds objects by tag for purges. An object whose tags are not in the
// index could not be purged, so L1 does not get it.
async function addTags(env, path, tags) {
  const body = JSON.stringify({ path, tags: tags.map((tag) => tag.trim()) });
  const answer = await env.PURGES.fetch("http://purges/tags", { method: "POST", body });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`tags of ${path}: ${answer.status}`);
}
