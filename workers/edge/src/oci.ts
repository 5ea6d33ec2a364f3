// Maps URLs of the OCI Distribution Specification 1.1 to objects at the origin, or to an error for an invalid URL.

import type { ObjectRoute, Queried } from "./routes";

/** The error codes of the OCI Distribution Specification ("Error Codes") that apply to a read-only registry. */
export type OciCode =
  | "BLOB_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "TOOMANYREQUESTS"
  | "UNAUTHORIZED"
  | "UNSUPPORTED";

/** The part of a list of tags or referrers that an image client requests. */
export interface ListQuery {
  /** The maximum number of tags (query parameter `n`). Absent when the client sets no limit. */
  limit?: number;
  /** The client requests only the tags or digests after this tag or digest (query parameter `last`). */
  last?: string;
  /** The artifact types of the referrers that the client requests. Empty when the client requests all types. */
  artifactTypes: readonly string[];
}

/** An invalid URL of the image registry, and the error with which the worker answers. */
export interface InvalidRoute {
  kind: "invalid";
  ecosystem: "oci";
  status: 400 | 404;
  code: OciCode;
  message: string;
}

// OCI Distribution Specification 1.1, "Pulling manifests", defines the form of repository names.
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const NAME_MAX = 255;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
// OCI Image Specification 1.1, descriptor.md, "Digests", defines the form of a digest. Registered algorithms such as
// sha256 restrict the characters after the colon.
const DIGEST = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/;
const ENCODED: Record<string, RegExp> = { sha256: /^[a-f0-9]{64}$/, sha512: /^[a-f0-9]{128}$/ };

/** Returns the route for a URL of the image registry; `rest` is the path after `/v2/`. */
export function ociRoute(rest: string, url: Queried): ObjectRoute | InvalidRoute {
  const match = /^(.*?)\/(?:(tags)\/list|(manifests|blobs|referrers)\/([^/]+))$/.exec(rest);
  if (match === null) return invalid(404, "UNSUPPORTED", "this registry has no such operation");
  const [, name = "", tags, section = tags ?? "", reference = ""] = match;
  if (name.length > NAME_MAX || !NAME.test(name)) {
    return invalid(400, "NAME_INVALID", `${name}: is not a valid repository name`);
  }
  if (tags !== undefined) return tagList(name, url.searchParams);
  const digest = keyOfDigest(reference);
  if (digest !== undefined) return byDigest(name, section, reference, digest, url);
  if (section !== "manifests" || reference.includes(":")) {
    return invalid(400, "DIGEST_INVALID", `${reference}: is not a valid digest`);
  }
  if (!TAG.test(reference)) return invalid(404, "MANIFEST_UNKNOWN", `${reference}: is not a valid tag`);
  return { ...object(name, `oci/tags/${name}/${reference}`), absent: "MANIFEST_UNKNOWN" };
}

/** Returns the error for a path below `/v2/` that cannot contain a valid repository name. */
export function invalidOciPath(): InvalidRoute {
  return invalid(400, "NAME_INVALID", "the path contains no valid repository name");
}

function tagList(name: string, query: URLSearchParams): ObjectRoute | InvalidRoute {
  const route: ObjectRoute = { ...object(name, `oci/taglists/${name}/list.json`), absent: "NAME_UNKNOWN" };
  const [number, last] = [query.get("n") ?? "", query.get("last") ?? ""];
  if (number === "" && last === "") return route;
  if (!/^\d*$/.test(number)) return invalid(400, "UNSUPPORTED", `n=${number}: is not a number of tags`);
  const limit = number === "" ? {} : { limit: Number(number) };
  return { ...route, list: { ...limit, last, artifactTypes: [] } };
}

function byDigest(name: string, section: string, digest: string, key: string, url: Queried): ObjectRoute {
  if (section === "referrers") {
    const query = url.searchParams;
    // In a URL query, `+` stands for a space. Some clients do not encode the plus sign in a media type such as
    // `application/spdx+json`, so the decoded value has a space in its place. Media types contain no spaces, so the
    // worker replaces each space by a plus sign.
    const artifactTypes = query.getAll("artifactType").filter((type) => type !== "").map((type) => type.replaceAll(" ", "+"));
    const list = { last: query.get("last") ?? "", artifactTypes };
    return { ...object(name, `oci/referrers/${name}/${key}.json`), list };
  }
  const absent = section === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN";
  return { ...object(name, `oci/${section}/${name}/${key}`), absent, digest };
}

function object(name: string, key: string): ObjectRoute {
  return { kind: "object", ecosystem: "oci", name, key, negotiated: false };
}

/** Returns a digest in the form that object keys use, `<algorithm>/<encoded>`, or undefined for an invalid digest. */
function keyOfDigest(reference: string): string | undefined {
  const [, algorithm = "", encoded = ""] = DIGEST.exec(reference) ?? [];
  if (algorithm === "" || ENCODED[algorithm]?.test(encoded) === false) return undefined;
  return `${algorithm}/${encoded}`;
}

function invalid(status: 400 | 404, code: OciCode, message: string): InvalidRoute {
  return { kind: "invalid", ecosystem: "oci", status, code, message };
}
