// Reads the properties of a package's artifacts from its index: the packument of an npm package, the JSON page of a
// Python project, or the contents of an image repository (docs/contracts.md, "Client-facing URLs").

import type { Artifact } from "./filtering";
import { canonicalPypiName, type Ecosystem } from "./routes";
import { tagId } from "./subjects";

interface Dist {
  integrity?: string;
  tarball?: string;
  attestations?: { provenance?: { predicateType?: string } };
}

interface PackumentIndex {
  versions: Record<string, { dist?: Dist; license?: unknown; licenses?: unknown }>;
  time?: Record<string, string>;
}

interface PageIndex {
  files: { filename: string; hashes?: Record<string, string>; "upload-time"?: string; _license?: string }[];
}

interface RepositoryIndex {
  tags: Record<string, string>;
  manifests: Record<string, string>;
}

// suffixes of the archives that pip opens as sdists
const SDIST_SUFFIX = /\.(?:tar\.(?:gz|bz2|xz|lzma)|tgz|zip|tbz|txz|tlz|tar)$/i;

/**
 * Reads the artifacts of a package from the package's index. Returns a map from the ids of the artifacts to the
 * artifacts. `text` is the content of the index, or undefined if the package has no index.
 */
export function artifactsIn(ecosystem: Ecosystem, name: string, text: string | undefined): Map<string, Artifact> {
  if (text === undefined) return new Map();
  const index: unknown = JSON.parse(text);
  if (ecosystem === "npm") return new Map(npmArtifacts(index as PackumentIndex));
  return new Map(ecosystem === "pypi" ? pythonArtifacts(name, index as PageIndex) : imageArtifacts(index as RepositoryIndex));
}

/**
 * Returns an artifact that the package's index does not list. The artifact's id contains its version, tag or digest.
 * All other properties are unknown.
 */
export function unlisted(ecosystem: Ecosystem, name: string, id: string): Artifact {
  const unknown = { digests: undefined, published: undefined };
  if (ecosystem === "pypi") return { ...unknown, tag: null, version: pythonVersion(name, id) };
  if (ecosystem === "npm") return { ...unknown, tag: null, version: npmVersion(name, id) };
  const tag = id.startsWith(tagId("")) ? id.slice(tagId("").length) : null;
  return { ...unknown, tag, version: null, license: null, provenance: null, ...(tag === null ? { digests: [id] } : {}) };
}

/** Returns the version in the filename of a Python distribution, or undefined when the filename has another form. */
export function pythonVersion(project: string, filename: string): string | undefined {
  // An underscore in a wheel's version stands for a hyphen, as in pip (pypa/pip#1150).
  if (/\.whl$/i.test(filename)) return filename.split("-")[1]?.replaceAll("_", "-");
  const stem = filename.replace(SDIST_SUFFIX, "");
  for (let at = stem.indexOf("-"); at >= 0; at = stem.indexOf("-", at + 1)) {
    if (canonicalPypiName(stem.slice(0, at)) === project) return stem.slice(at + 1);
  }
  return undefined;
}

function npmVersion(name: string, id: string): string {
  const start = `${name.split("/").at(-1)}-`;
  const isFile = id.toLowerCase().startsWith(start) && id.endsWith(".tgz");
  return isFile ? id.slice(start.length, -".tgz".length) : id;
}

/** Yields the properties of each npm version twice: under the version's number, and under the name of its tarball. */
function* npmArtifacts({ versions, time = {} }: PackumentIndex): Iterable<[string, Artifact]> {
  const times = new Map(Object.entries(time));
  for (const [version, { dist = {}, license, licenses }] of Object.entries(versions)) {
    const digests = dist.integrity?.split(/\s+/);
    const type = dist.attestations?.provenance?.predicateType;
    const artifact = {
      version,
      tag: null,
      digests,
      published: timeOf(times.get(version)),
      license: npmLicense(license ?? licenses),
      provenance: type === undefined ? [] : [type],
    };
    yield [version, artifact];
    const file = dist.tarball?.split("/").at(-1);
    if (file !== undefined) yield [decodeURIComponent(file), artifact];
  }
}

/**
 * Returns the licence expression for the field `license` of a package.json. In old packages, the field is an object
 * with the field `type`, or a list of alternatives. The function converts both to an expression. Returns undefined if
 * the field names no licence.
 */
function npmLicense(given: unknown): string | undefined {
  if (Array.isArray(given)) {
    const all = given.map(npmLicense);
    return all.length === 0 || all.includes(undefined) ? undefined : all.map((license) => `(${license})`).join(" OR ");
  }
  if (typeof given === "object" && given !== null) return npmLicense((given as { type?: unknown }).type);
  // The value `SEE LICENSE IN <file>` refers to a file of the package that contains the licence. The registry does not
  // read this file, so the licence is unknown.
  return typeof given !== "string" || given.trim() === "" || /^SEE LICEN[SC]E/i.test(given) ? undefined : given;
}

/**
 * Yields the name of each file of a Python project, and the properties of the file that an edge policy can check. The
 * provenance is unknown, because the registry keeps no attestations of Python files.
 */
function* pythonArtifacts(project: string, { files }: PageIndex): Iterable<[string, Artifact]> {
  for (const { filename, hashes = {}, "upload-time": uploaded, _license: license } of files) {
    const digests = hashes["sha256"] === undefined ? undefined : [`sha256:${hashes["sha256"]}`];
    const artifact = { version: pythonVersion(project, filename), tag: null, digests, published: timeOf(uploaded) };
    yield [filename, { ...artifact, license, provenance: undefined }];
  }
}

/**
 * Yields the properties of each image manifest, with the manifest's digest as the key. For each tag, also yields the
 * properties of the manifest that the tag points to.
 */
function* imageArtifacts({ tags, manifests }: RepositoryIndex): Iterable<[string, Artifact]> {
  const times = new Map(Object.entries(manifests));
  const manifest = (digest: string): Artifact => {
    const known = { version: null, license: null, provenance: null };
    return { ...known, tag: null, digests: [digest], published: timeOf(times.get(digest)) };
  };
  for (const digest of times.keys()) yield [digest, manifest(digest)];
  for (const [tag, digest] of Object.entries(tags)) yield [tagId(tag), { ...manifest(digest), tag }];
}

function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : time;
}
