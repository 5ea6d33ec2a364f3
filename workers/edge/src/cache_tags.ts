// The tags of objects in Workers Cache, by which purges find the objects.
// A tag is a digest, because a key may be longer than a tag, and tags that differ only in case are the same
// (developers.cloudflare.com/workers/cache/purge, "Purge by tag").

import { sha256 } from "./digest";

/** Returns the tag of the object with a key. */
export async function keyTag(key: string): Promise<string> {
  return `key-${await sha256(key)}`;
}

/** Returns the tag of all objects of a package. */
export async function packageTag(ecosystem: string, name: string): Promise<string> {
  return `package-${await sha256(`${ecosystem}:${name}`)}`;
}
