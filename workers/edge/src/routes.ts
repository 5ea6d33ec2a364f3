// Maps a URL to a package of an ecosystem and to the object's key at the origin.
// docs/contracts.md, "Client-facing URLs", has the table of URLs and keys.

import { npmRoute, type PackumentPart } from "./npm";
import type { SearchQuery } from "./npm_search";
import { invalidOciPath, type InvalidRoute, type ListQuery, type OciCode, ociRoute } from "./oci";

export type Ecosystem = "npm" | "pypi" | "oci";

/** A route to an object at the origin. Grants are matched against `name`, the package's canonical name. */
export interface ObjectRoute {
  kind: "object";
  ecosystem: Ecosystem;
  name: string;
  key: string;
  /** Whether the response's body depends on the Accept header of the request. */
  negotiated: boolean;
  /** The digest in the URL, when the client requests an image manifest or a blob by digest. */
  digest?: string;
  /** The part of the npm packument that the client requests. Absent when the client requests the whole packument. */
  part?: PackumentPart;
  /** The search terms of a client that searches the list of npm packages. Absent when the request is not a search. */
  search?: SearchQuery;
  /** Whether every client with a valid token may read the object, whatever grants the token has. */
  anyToken?: boolean;
  /** The OCI error code of the response when the origin does not have the object. */
  absent?: OciCode;
  /**
   * The part of a list of tags or referrers that the client requests. Undefined for all other objects.
   */
  list?: ListQuery;
}

/**
 * Returns whether the worker builds the response from parts of the stored object, and does not serve the object itself.
 */
export function isPart({ part, list, search }: ObjectRoute): boolean {
  return part !== undefined || list !== undefined || search !== undefined;
}

/** The query parameters of a request's URL. The runtime parses the query only when the worker reads `searchParams`. */
export type Queried = Pick<URL, "searchParams">;

export type Route =
  | ObjectRoute
  | InvalidRoute
  | { kind: "health" }
  | { kind: "token" }
  | { kind: "authenticated"; ecosystem: Ecosystem; answer: "ping" | "whoami" | "version" }
  | { kind: "redirect"; location: string }
  /**
   * A path that the worker does not serve. `reason` tells the client why. If `npm unpublish` or `npm dist-tag`
   * requests the path, `change` names the registry command to use instead.
   */
  | { kind: "unknown"; ecosystem?: Ecosystem; reason?: string; change?: string };

const PYPI_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/; // a project's name as PEP 508 defines it
const PYPI_FILE = /^[A-Za-z0-9][A-Za-z0-9._+!-]*$/;
const PATH_MAX = 1024;
// The media types of pages of the simple index (PEP 691). In a media type, `latest` stands for the newest version of
// the simple index API.
const SIMPLE_TYPES = [
  "text/html",
  "application/vnd.pypi.simple.v1+html",
  "application/vnd.pypi.simple.latest+html",
  "application/vnd.pypi.simple.v1+json",
  "application/vnd.pypi.simple.latest+json",
] as const;

/** Returns the route for a URL. Never throws: the route of an invalid URL is `unknown`. */
export function route(url: URL, accept: string): Route {
  const { pathname } = url; // each read of `url.pathname` makes the runtime build the path again
  if (pathname.length > PATH_MAX) return pathname.startsWith("/v2/") ? invalidOciPath() : { kind: "unknown" };
  if (pathname === "/healthz") return { kind: "health" };
  if (pathname === "/token") return { kind: "token" };
  const plain = withoutExtraSlashes(pathname);
  if (plain !== pathname) return { kind: "redirect", location: plain + url.search };
  const path = decodeOnce(pathname);
  if (path === undefined || path.includes("//") || path.split("/").some((part) => part === "." || part === "..")) {
    return pathname.startsWith("/v2/") ? invalidOciPath() : { kind: "unknown" };
  }
  if (path.startsWith("/npm/")) return npmRoute(path.slice("/npm/".length), accept, url);
  if (path.startsWith("/pypi/")) return pypi(path.slice("/pypi/".length), accept);
  if (path === "/v2" || path === "/v2/") return { kind: "authenticated", ecosystem: "oci", answer: "version" };
  if (path.startsWith("/v2/")) return ociRoute(path.slice("/v2/".length), url);
  return { kind: "unknown" };
}

/**
 * Removes extra slashes from a path of npm's or Python's registry: repeated slashes, and a slash after the name of an
 * npm package. Some clients append a path to a registry URL that already ends with a slash. Returns all other paths,
 * such as those of images, unchanged.
 */
function withoutExtraSlashes(pathname: string): string {
  const single = pathname.replace(/\/{2,}/g, "/");
  if (single.startsWith("/npm/")) return single.replace(/^(\/npm\/.+)\/$/, "$1");
  return single.startsWith("/pypi/") ? single : pathname;
}

/** Normalizes a project name as in PEP 503: lowercase, with each run of `.`, `-` and `_` replaced by one `-`. */
export function canonicalPypiName(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}

/**
 * Returns the offered media type with the highest quality in the Accept header (RFC 9110, section 12.5.1). If several
 * types have this quality, a type that the header names precedes a type that only a wildcard matches. A client that
 * names a type and appends the wildcard for all types therefore gets the named type. If the header accepts none of the
 * types, returns the first type.
 */
export function preferred(accept: string, offered: readonly [string, ...string[]]): string {
  let best = { type: offered[0], quality: 0, specificity: 0 };
  for (const type of offered) {
    const { quality, specificity } = weightOf(accept, type);
    const isBetter = quality > best.quality || (quality === best.quality && specificity > best.specificity);
    if (quality > 0 && isBetter) best = { type, quality, specificity };
  }
  return best.type;
}

/**
 * Finds the range in the Accept header `accept` that matches the media type `type` most specifically. Returns the
 * range's quality (`q`) and how specific the range is.
 */
function weightOf(accept: string, type: string): { quality: number; specificity: number } {
  let found = { specificity: -1, quality: 0 };
  for (const range of accept.split(",")) {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const specificity = [type, `${type.split("/")[0]}/*`, "*/*"].indexOf(name);
    if (specificity < 0) continue;
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const quality = q === undefined ? 1 : Number(q.slice(2)) || 0;
    if (2 - specificity > found.specificity) found = { specificity: 2 - specificity, quality };
  }
  return found;
}

function pypi(rest: string, accept: string): Route {
  const [section, name, file, ...more] = rest.split("/");
  if (section === "simple" && more.length === 0 && (file === undefined || file === "")) {
    return simple(name, file === "", accept);
  }
  if (section !== "files" || name === undefined || file === undefined || more.length > 0) {
    return { kind: "unknown", ecosystem: "pypi" };
  }
  if (!PYPI_NAME.test(name) || !PYPI_FILE.test(file)) return { kind: "unknown", ecosystem: "pypi" };
  const canonical = canonicalPypiName(name);
  if (canonical !== name) return { kind: "redirect", location: `/pypi/files/${canonical}/${file}` };
  return { kind: "object", ecosystem: "pypi", name, key: `pypi/files/${name}/${file}`, negotiated: false };
}

function simple(name: string | undefined, trailingSlash: boolean, accept: string): Route {
  const document = preferred(accept, SIMPLE_TYPES).endsWith("+json") ? "index.json" : "index.html";
  if (name === undefined) return { kind: "redirect", location: "/pypi/simple/" };
  if (name === "") {
    return { kind: "object", ecosystem: "pypi", name: "*", key: `pypi/simple/${document}`, negotiated: true };
  }
  if (!PYPI_NAME.test(name)) return { kind: "unknown", ecosystem: "pypi" };
  const canonical = canonicalPypiName(name);
  if (canonical !== name || !trailingSlash) return { kind: "redirect", location: `/pypi/simple/${canonical}/` };
  return { kind: "object", ecosystem: "pypi", name, key: `pypi/simple/${name}/${document}`, negotiated: true };
}

/**
 * Decodes percent-encoding once. Returns undefined if the decoded path contains a control character, a space, `\` or
 * `%`.
 */
function decodeOnce(path: string): string | undefined {
  try {
    const decoded = decodeURIComponent(path);
    return /[\u0000-\u0020\u007f%\\]/.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}
