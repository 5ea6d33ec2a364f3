// The tags of objects in Workers Cache. A purge names tags, and the cache removes the objects with these tags.
//
// A tag contains a digest and not the key of an object itself. The key may be too long for a tag, and two keys may
// differ only in upper and lower case, which the cache ignores in tags (developers.cloudflare.com/workers/cache/purge,
// "Purge by tag").

import { sha256 } from "./digest";

const REMEMBERED = 2_000; // the maximum number of packages whose tags an isolate remembers; they take less than 1 MB

const packageTags = new Map<string, string>();

/** Returns the cache tag that only the object `key` has. */
export function keyTag(key: string): string {
  return `key-${sha256(key)}`;
}

/**
 * Returns the cache tag that all objects of a package share. Each request needs the tag of its package, so the isolate
 * remembers the tags of recent packages.
 */
export function packageTag(ecosystem: string, name: string): string {
  const text = `${ecosystem}:${name}`;
  const known = packageTags.get(text);
  if (known !== undefined) return known;
  const tag = `package-${sha256(text)}`;
  if (packageTags.size >= REMEMBERED) packageTags.delete(packageTags.keys().next().value ?? "");
  packageTags.set(text, tag);
  return tag;
}

/**
 * Returns the cache tag of a version of the edge worker. All objects that this version stores in Workers Cache have the
 * tag.
 */
export function versionTag(version: string): string {
  return `version-${sha256(version)}`;
}
