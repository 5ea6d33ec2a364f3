// Chooses the version of a worker script that answers a request, by the percentages of the script's deployment.
//
// Sources: developers.cloudflare.com/workers/versions-and-deployments/gradual-deployments ("Version skew") and
// gradual-deployments/version-affinity ("How it works").

const KEY_HEADER = "Cloudflare-Workers-Version-Key";
// Clients can ask for a version with this header (versions-and-deployments/version-overrides). The PoPs refuse it.
export const OVERRIDES_HEADER = "Cloudflare-Workers-Version-Overrides";

// Returns the version of the script that answers a request with these `headers`. `versions` are the versions in the
// script's current deployment, in the order in which the deployment lists them. A request with a version key gets the
// version that the key determines. For all other requests, the version is chosen at random.
export async function versionFor(versions, headers) {
  const key = headers.get(KEY_HEADER);
  const point = key === null ? Math.random() * 100 : await pointOf(key);
  return versionAt(versions, point);
}

// Returns the version to which a point of the range from 0 to 100 belongs. Each version has a part of this range. The
// size of the part is the version's percentage. The parts follow each other in the order in which the deployment lists
// the versions. When the percentage of the last version grows, the start of its part moves down. A version key whose
// point is already in this part therefore stays with the last version.
export function versionAt(versions, point) {
  let end = 0;
  for (const version of versions) {
    end += version.percentage;
    if (point < end) return version;
  }
  return versions.at(-1);
}

// Returns the point of a version key: a number from 0 to 100 (exclusive) that depends only on the key.
export async function pointOf(key) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  return (new DataView(digest).getUint32(0) / 2 ** 32) * 100;
}
