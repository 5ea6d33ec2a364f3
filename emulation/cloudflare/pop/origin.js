// Answers the requests that the emulated Workers Cache sends after a cache miss. The path of such a request names a
// worker script and one of its entrypoints (entrypoints.js builds this path). This module calls the entrypoint.

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const [, script, version, entrypoint, ...rest] = url.pathname.split("/");
    const headers = new Headers(request.headers);
    const host = headers.get("X-Emulation-Host");
    // The versions of a script can share a cache. `version` in the path is then `shared`. `id` is the id of the
    // version that sent the request to the cache. After a cache miss, the entrypoint of this version answers.
    const id = headers.get("X-Emulation-Version");
    // The cache stores whole responses and answers range requests itself (workers/cache/configuration, "Range
    // requests").
    for (const name of ["X-Emulation-Host", "X-Emulation-Version", "Range", "Host"]) headers.delete(name);
    const path = `/${rest.join("/")}${url.search}`;
    try {
      const answer = await env[`${script}/${id}/${entrypoint}`].fetch(`https://${host}${path}`, { headers, redirect: "manual" });
      const tags = answer.headers.get("cache-tag");
      if (tags !== null) await addTags(env, `/${script}/${version}/${entrypoint}`, path, tags.split(","));
      return answer;
    } catch (error) {
      console.error(error);
      return new Response("error code: 1101\n", { status: 500, headers: { "cache-control": "no-store" } });
    }
  },
};

// Reports the tags of a response to the emulated API, which finds responses by tag for purges. Traffic Server has no
// tags.
async function addTags(env, cache, path, tags) {
  const body = JSON.stringify({ cache, path, tags: tags.map((tag) => tag.trim()) });
  const answer = await env.PURGES.fetch("http://purges.invalid/tags", { method: "POST", body });
  if (!answer.ok) throw new Error(`tags of ${path}: ${answer.status}`);
}
