// Chooses the version of a worker script that answers a request, by the percentages of the script's deployment.
//
// Sources: developers.cloudflare.com/workers/versions-and-deployments/gradual-deployments ("Version skew") and
// gradual-deployments/version-affinity ("How it works").

const KEY_HEADER = "Cloudflare-Workers-Version-Key";
// Clients can ask for a version with this header (versions-and-deployments/version-overrides). The PoPs refuse it.
export const OVERRIDES_HEADER = "Cloudflare-Workers-Version-Overrides";

// Returns the chosen version. `versions` are the versions of the deployment in its
// order. Each request is assigned at random, or by its version key.
export async function versionFor(versions, headers) {
  const key = headers.get(KEY_HEADER);
  const point = key === null ? Math.random() * 100 : await pointOf(key);
  return versionAt(versions, point);
}

// Returns the version at a point from 0 to 100. The versions have consecutive parts of this range in the
// order of the deployment. So a key that the last version already has stays with it while its percentage grows.
export function versionAt(versions, point) {
  let end = 0;
  for (const version of versions) {
    end += version.percentage;
    if (point < end) return version;
  }
  return versions.at(-1);
}

// Returns a number from 0 up to 100 that depends only on the version key.
export async function pointOf(key) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return (new DataView(digest).getUint32(0) / 2 ** 32) * 100;
}
