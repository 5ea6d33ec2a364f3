// The tags of objects in Workers Cache. A purge names tags, and the cache removes the objects with these tags.
// A tag is a digest, because a key may be too long for a tag, and the cache ignores the case of tags
// (developers.cloudflare.com/workers/cache/purge, "Purge by tag").

import { sha256 } from "./digest";

/** Returns the cache tag of the object with a key. */
export async function keyTag(key: string): Promise<string> {
  return `key-${await sha256(key)}`;
}

/** Returns the cache tag of all objects of a package. */
export async function packageTag(ecosystem: string, name: string): Promise<string> {
  return `package-${await sha256(`${ecosystem}:${name}`)}`;
}

/** Returns the cache tag of all objects that a version of the worker stored. */
export async function versionTag(version: string): Promise<string> {
  return `version-${await sha256(version)}`;
}
