// The tags of objects in Workers Cache. A purge names tags, and the cache removes the objects with these tags.
//
// A tag contains a digest of an object's key, and not the key itself, for two reasons. The key may be too long for a
// tag. Two keys may differ only in upper and lower case, but the cache ignores case in tags
// (developers.cloudflare.com/workers/cache/purge, "Purge by tag").

import { sha256 } from "./digest";
import { subjectOf } from "./subjects";

/** Returns the cache tag that only the object `key` has. */
export function keyTag(key: string): string {
  return `key-${sha256(key)}`;
}

/** Returns the cache tag that all objects of a package share. */
export function packageTag(ecosystem: string, name: string): string {
  return `package-${sha256(`${ecosystem}:${name}`)}`;
}

/**
 * Returns the cache tags of the object with this key: the object's own tag, and the tag of the object's package. An
 * object without a package has only its own tag.
 */
export function tagsOf(key: string): string[] {
  const subject = subjectOf(key);
  return subject === undefined ? [keyTag(key)] : [keyTag(key), packageTag(subject.ecosystem, subject.name)];
}

/**
 * Returns the cache tag of a version of the edge worker. All objects that this version stores in Workers Cache have the
 * tag.
 */
export function versionTag(version: string): string {
  return `version-${sha256(version)}`;
}
