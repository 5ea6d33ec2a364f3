// The origin of Workers Cache: runs the cached entrypoint that a path of the cache names (entrypoints.js).

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const [, script, , entrypoint, ...path] = url.pathname.split("/");
    const headers = new Headers(request.headers);
    const host = headers.get("X-Emulation-Host");
    // The cache asks for the whole, and cuts ranges itself (workers/cache/configuration, "Range requests").
    for (const name of ["X-Emulation-Host", "Range", "Host"]) headers.delete(name);
    try {
      return await env[`${script}/${entrypoint}`].fetch(`https://${host}/${path.join("/")}${url.search}`, {
        headers,
        redirect: "manual",
      });
    } catch (error) {
      console.error(error);
      return new Response("error code: 1101\n", { status: 500, headers: { "cache-control": "no-store" } });
    }
  },
};
