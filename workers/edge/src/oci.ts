// Maps URLs of the OCI Distribution Specification 1.1 to objects at the origin, or to the error that the URL deserves.

import type { ObjectRoute } from "./routes";

/** "Error Codes" of the specification, as far as a registry that is only read needs them. */
export type OciCode =
  | "BLOB_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "UNAUTHORIZED"
  | "UNSUPPORTED";

/** The part of a list that a client asks for. */
export interface ListQuery {
  /** The most entries of a list of tags, where the client sets it. */
  limit?: number;
  /** The entry after which the list begins. */
  last?: string;
  /** The types that a list of referrers is filtered by; empty without a filter. */
  artifactTypes: readonly string[];
}

/** A URL that names nothing, with the answer for it. */
export interface InvalidRoute {
  kind: "invalid";
  ecosystem: "oci";
  status: 400 | 404;
  code: OciCode;
  message: string;
}

// "Pulling manifests"
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const NAME_MAX = 255;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
// Image Specification 1.1, descriptor.md, "Digests": registered algorithms restrict what follows the colon.
const DIGEST = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/;
const ENCODED: Record<string, RegExp> = { sha256: /^[a-f0-9]{64}$/, sha512: /^[a-f0-9]{128}$/ };

/** Returns the route for what follows `/v2/` in a URL. */
export function ociRoute(rest: string, query: URLSearchParams): ObjectRoute | InvalidRoute {
  const match = /^(.*?)\/(?:(tags)\/list|(manifests|blobs|referrers)\/([^/]+))$/.exec(rest);
  if (match === null) return invalid(404, "UNSUPPORTED", "this registry has no such operation");
  const [, name = "", tags, section = tags ?? "", reference = ""] = match;
  if (name.length > NAME_MAX || !NAME.test(name)) {
    return invalid(400, "NAME_INVALID", `${name}: is no name of a repository`);
  }
  if (tags !== undefined) return tagList(name, query);
  const digest = keyOfDigest(reference);
  if (digest !== undefined) return byDigest(name, section, reference, digest, query);
  if (section !== "manifests" || reference.includes(":")) {
    return invalid(400, "DIGEST_INVALID", `${reference}: is no digest`);
  }
  if (!TAG.test(reference)) return invalid(404, "MANIFEST_UNKNOWN", `${reference}: is no tag`);
  return { ...object(name, `oci/tags/${name}/${reference}`), absent: "MANIFEST_UNKNOWN" };
}

/** Returns the answer for a URL that breaks the rules for every name. */
export function invalidOciPath(): InvalidRoute {
  return invalid(400, "NAME_INVALID", "the path has no valid name of a repository");
}

function tagList(name: string, query: URLSearchParams): ObjectRoute | InvalidRoute {
  const route: ObjectRoute = { ...object(name, `oci/taglists/${name}/list.json`), absent: "NAME_UNKNOWN" };
  const [number, last] = [query.get("n") ?? "", query.get("last") ?? ""];
  if (number === "" && last === "") return route;
  if (!/^\d*$/.test(number)) return invalid(400, "UNSUPPORTED", `n=${number}: is no number of tags`);
  const limit = number === "" ? {} : { limit: Number(number) };
  return { ...route, list: { ...limit, last, artifactTypes: [] } };
}

function byDigest(name: string, section: string, digest: string, key: string, query: URLSearchParams): ObjectRoute {
  if (section === "referrers") {
    const artifactTypes = query.getAll("artifactType").filter((type) => type !== "");
    const list = { last: query.get("last") ?? "", artifactTypes };
    return { ...object(name, `oci/referrers/${name}/${key}.json`), list };
  }
  const absent = section === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN";
  return { ...object(name, `oci/${section}/${name}/${key}`), absent, digest };
}

function object(name: string, key: string): ObjectRoute {
  return { kind: "object", ecosystem: "oci", name, key, negotiated: false };
}

/** Returns the part of a key that stands for a digest, or undefined when it is none. */
function keyOfDigest(reference: string): string | undefined {
  const [, algorithm = "", encoded = ""] = DIGEST.exec(reference) ?? [];
  if (algorithm === "" || ENCODED[algorithm]?.test(encoded) === false) return undefined;
  return `${algorithm}/${encoded}`;
}

function invalid(status: 400 | 404, code: OciCode, message: string): InvalidRoute {
  return { kind: "invalid", ecosystem: "oci", status, code, message };
}
