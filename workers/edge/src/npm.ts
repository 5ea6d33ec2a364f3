// Routes of the npm registry API. Sources: "docs/REGISTRY-API.md" in the repository npm/registry; npm docs,
// "package.json"; and the requests that npm (libnpm*, npm-registry-fetch), yarn, pnpm, Renovate and Dependabot send.

import satisfies from "semver/functions/satisfies";
import maxSatisfying from "semver/ranges/max-satisfying";

import { searchQuery } from "./npm_search";
import { type ObjectRoute, preferred, type Queried, type Route } from "./routes";

/**
 * The part of an npm packument that a client requests: the dist-tags, or a single version. `named` is a version number,
 * a version range or a dist-tag.
 */
export type PackumentPart = { kind: "dist-tags" } | { kind: "version"; named: string };

interface Packument {
  "dist-tags": Record<string, string>;
  versions: Record<string, unknown>;
}

const SCOPED = "@[a-z0-9~-][a-z0-9._~-]*/[a-z0-9~_-][a-z0-9._~-]*";
const UNSCOPED = "[A-Za-z0-9~-][A-Za-z0-9._~-]*"; // old names such as JSONStream contain uppercase letters
const NAME = new RegExp(`^(?:${SCOPED}|${UNSCOPED})$`);
const NAME_AND_VERSION = new RegExp(`^(${SCOPED}|${UNSCOPED})/([0-9A-Za-z^~<>=*][0-9A-Za-z._+^~<>=*|-]*)$`);
// Artifactory repeats the scope before the name of the file, as in `@acme/web/-/@acme/web-1.0.0.tgz`. Lockfiles of
// projects that used Artifactory have such URLs.
const TARBALL = new RegExp(`^(${SCOPED}|${UNSCOPED})/-/(?:(@[^/]+)/)?([^/]+)$`);
const NAME_MAX = 214; // npm's limit (npm docs, package.json, "name")
// semver reads no longer version (semver, internal/constants.js, MAX_LENGTH). A longer range with hundreds of
// alternatives would take about a second of processor time for a package with thousands of versions.
const NAMED_MAX = 256;
const VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/; // a version as semver.org defines it, without build metadata
const FILE = /^[A-Za-z0-9_~-][A-Za-z0-9._+~-]*\.tgz$/;
const ATTESTATIONS = "-/npm/v1/attestations/"; // npm requests attestations under this path (pacote, lib/registry.js)
const KEYS = "-/npm/v1/keys"; // source: npm docs, "About registry signatures"
const SEARCH = "-/v1/search"; // source: npm/registry, docs/REGISTRY-API.md
const DIST_TAGS = /^-\/package\/(.+)\/dist-tags$/;
// NOT_OFFERED lists the features of npm's API that this registry does not offer. Each row has a pattern of the paths
// that clients request for the feature, and the reason why the registry does not offer it. Clients print the reason.
const NO_LOGIN = "this registry has no login; put a token that your platform team issued into .npmrc as _authToken";
const NO_ACCOUNTS = "this registry has no accounts, teams or hooks; your platform team issues tokens and their grants";
const NOT_OFFERED: readonly (readonly [RegExp, string])[] = [
  [/^-\/npm\/v1\/security\//, "this registry has no security advisories; audit against one that has: npm audit --registry <url>"],
  [/^-\/(?:v1\/login|user\/)/, NO_LOGIN],
  [/^-\/(?:npm\/v1\/(?:user|tokens|hooks)|org\/|team\/)/, NO_ACCOUNTS],
  [/^-\/package\/.+\/(?:access|collaborators|visibility|trust)$/, NO_ACCOUNTS],
  [/^-\/all(?:\/|$)/, "this registry has no list of all packages; search with npm 5 or later, which requests /-/v1/search"],
];

// Requests of npm's API that would change packages. The worker refuses them with the status 405, because `npm
// unpublish` treats the status 404 as success. Each entry has a pattern of request paths, and a message with the
// registry command that makes the change.
const CHANGES: readonly (readonly [RegExp, string])[] = [
  [/^-\/package\/.+\/dist-tags\/[^/]+$/, "change dist-tags with: python -m registry tag"],
  [/\/-rev\/[^/]+$/, "unpublish versions with: python -m registry unpublish"],
];

/** Returns the route for a URL of the npm registry API; `rest` is the decoded path after `/npm/`. */
export function npmRoute(rest: string, accept: string, url: Queried): Route {
  // Tarballs are matched before the API's other endpoints, because both can have paths that begin with `-/`: a package
  // may have the name `-`.
  const [, packageName, scope, file] = TARBALL.exec(rest) ?? [];
  if (packageName !== undefined && file !== undefined) {
    const isOfPackage = scope === undefined || packageName.startsWith(`${scope}/`);
    return isOfPackage && FILE.test(file) ? object(packageName, `-/${file}`) : unknown();
  }
  const change = CHANGES.find(([form]) => form.test(rest))?.[1];
  if (change !== undefined) return { kind: "unknown", ecosystem: "npm", change };
  if (rest.startsWith("-/")) return special(rest, url);
  const [, withVersion, named] = NAME_AND_VERSION.exec(rest) ?? [];
  if (withVersion !== undefined && named !== undefined) {
    if (named.length > NAMED_MAX) return unknown(`a version, range or dist-tag has at most ${NAMED_MAX} characters here`);
    return object(withVersion, "packument.json", { part: { kind: "version", named } });
  }
  const type = preferred(accept, ["application/json", "application/vnd.npm.install-v1+json"]);
  const document = type === "application/json" ? "packument.json" : "packument.abbreviated.json";
  return object(rest, document, { negotiated: true });
}

function special(rest: string, url: Queried): Route {
  if (rest === "-/ping") return { kind: "authenticated", ecosystem: "npm", answer: "ping" };
  if (rest === "-/whoami") return { kind: "authenticated", ecosystem: "npm", answer: "whoami" };
  if (rest === KEYS) return { ...npmObject("*", "npm/-/keys.json"), anyToken: true };
  if (rest === SEARCH) return { ...npmObject("*", "npm/-/search.json"), anyToken: true, search: searchQuery(url.searchParams) };
  if (rest.startsWith(ATTESTATIONS)) return attestations(rest.slice(ATTESTATIONS.length));
  const tagged = DIST_TAGS.exec(rest)?.[1];
  if (tagged !== undefined) return object(tagged, "packument.abbreviated.json", { part: { kind: "dist-tags" } });
  return unknown(NOT_OFFERED.find(([form]) => form.test(rest))?.[1]);
}

/** Returns the route for a version's attestations; `spec` is `<name>@<version>`, as in `dist.attestations.url`. */
function attestations(spec: string): Route {
  const at = spec.lastIndexOf("@");
  const [name, version] = [spec.slice(0, Math.max(at, 0)), spec.slice(at + 1)];
  return VERSION.test(version) ? object(name, `attestations/${version}.json`) : unknown();
}

/**
 * Returns the route for a file of a package. The route has the package's name in lower case, and the worker matches
 * grants against this name. npm refuses a new name that differs from another name only by capital letters.
 */
function object(name: string, file: string, more: Partial<ObjectRoute> = {}): Route {
  if (name.length > NAME_MAX || !NAME.test(name)) return unknown();
  return { ...npmObject(name.toLowerCase(), `npm/${name}/${file}`), ...more };
}

function npmObject(name: string, key: string): ObjectRoute {
  return { kind: "object", ecosystem: "npm", name, key, negotiated: false };
}

function unknown(reason?: string): Route {
  return { kind: "unknown", ecosystem: "npm", ...(reason === undefined ? {} : { reason }) };
}

/**
 * Returns a response with the dist-tags or with one version of a packument. `part` says which of them the client
 * requests. `whole` is a response with the whole packument. Returns undefined when the packument has no such tag or
 * version.
 */
export async function packumentPart(whole: Response, part: PackumentPart, method: string): Promise<Response | undefined> {
  const packument = (await whole.json()) as Packument;
  const found = part.kind === "dist-tags" ? packument["dist-tags"] : versionIn(packument, part.named);
  if (found === undefined) return undefined;
  const headers = new Headers(whole.headers);
  for (const name of ["accept-ranges", "content-length", "content-range", "etag", "last-modified"]) headers.delete(name);
  headers.set("content-type", "application/json");
  return new Response(method === "HEAD" ? null : JSON.stringify(found), { status: 200, headers });
}

/**
 * Returns the version of a packument for a dist-tag, a version number or a range such as `^1.0.0`. For a range, the
 * function selects as `npm install` does: the version tagged `latest` if the range includes it, or else the highest
 * version in the range.
 */
function versionIn(packument: Packument, named: string): unknown {
  const tags = new Map(Object.entries(packument["dist-tags"]));
  const versions = new Map(Object.entries(packument.versions));
  const exact = versions.get(tags.get(named) ?? named);
  if (exact !== undefined) return exact;
  const latest = tags.get("latest") ?? "";
  return versions.get(satisfies(latest, named) ? latest : (maxSatisfying([...versions.keys()], named) ?? ""));
}
