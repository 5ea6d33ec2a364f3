// Predicts which objects a client requests after it has read a document. For a packument or a simple index, the
// registry stores a list of releases in the metadata of the document's object (contract/predictions.py). For an image,
// the manifest names the objects.
//
// All functions are pure. Malformed text from a publisher or a client does not make them throw an error.

import compare from "semver/functions/rcompare";
import satisfies from "semver/functions/satisfies";
import validVersion from "semver/functions/valid";
import validRange from "semver/ranges/valid";

import { type ObjectRoute, route } from "./routes";

/** The header in which shields (regional caches) list what clients request after the returned document. */
export const NEXT_HEADER = "x-amz-meta-next";

/**
 * An object that a client is expected to request. If the object is an npm packument, the client selects one version
 * from it, and `range` is the range of versions that the client accepts.
 */
export interface Expected {
  route: ObjectRoute;
  range: string;
}

/**
 * A release that clients often request after they have read a document: a version of an npm package, or a file of a
 * Python project. The document's metadata contains a list of such releases.
 */
interface Release {
  name: string;
  isPrefetched: boolean;
  dependencies: readonly { name: string; range: string }[];
}

interface Descriptor {
  digest?: unknown;
  size?: unknown;
  platform?: { os?: unknown; architecture?: unknown };
}

const DOCUMENT = /^(?:npm\/.+\/packument(?:\.abbreviated)?\.json|pypi\/simple\/[^/]+\/index\.(?:html|json)|oci\/(?:tags|manifests)\/.+)$/;
// matches the Python version in the User-Agent of pip and uv
const PYTHON = /"implementation":\{"name":"CPython","version":"3\.(\d+)/;
const CPU = /"cpu":"(\w+)"/;
const ARCHITECTURE = /\barch\/(\w+)\b/; // the processor architecture in Docker's User-Agent

/** Returns whether clients usually request other objects after they have read this object. */
export function isFollowed({ key }: ObjectRoute): boolean {
  return DOCUMENT.test(key);
}

/**
 * Returns whether the object names other objects that clients request next. Such objects are documents and the metadata
 * files of wheels. The worker prefetches them before other files.
 */
export function isUrgent({ key }: ObjectRoute): boolean {
  return DOCUMENT.test(key) || key.endsWith(".whl.metadata");
}

/**
 * Returns what a client requests after it has read the given document. The most urgent object comes first. `list` is
 * the list of releases in the metadata of a package document. `body` is the text of an image's manifest; other
 * documents do not need it. The result leaves out objects with a known size of more than `bytesMax` bytes.
 */
export function successorsOf(
  { route: { ecosystem, name, key }, range }: Expected,
  list: string,
  body: string,
  userAgent: string,
  bytesMax: number,
): Expected[] {
  if (ecosystem === "npm") return npmSuccessors(key, releasesIn(list), range);
  if (ecosystem === "pypi") return pythonSuccessors(name, key, releasesIn(list), userAgent);
  return imageSuccessors(name, body, userAgent, bytesMax);
}

export function releasesIn(list: string): Release[] {
  try {
    return list.split(";").flatMap((text) => {
      const [marked = "", ...dependencies] = text.split(" ");
      const name = decodeURIComponent(marked.replace(/^!/, ""));
      return name === "" ? [] : [{ name, isPrefetched: !marked.startsWith("!"), dependencies: dependencies.map(dependencyIn) }];
    });
  } catch {
    return [];
  }
}

function dependencyIn(text: string): { name: string; range: string } {
  const [, name = "", range = ""] = /^(@?[^@]*)(?:@(.*))?$/.exec(decodeURIComponent(text)) ?? [];
  return { name, range };
}

/**
 * Returns the release that npm selects for a range of versions. npm selects the first release in `releases` if the
 * range includes it, or else the highest release in the range.
 */
export function selected(releases: readonly Release[], range: string): Release | undefined {
  const [first] = releases;
  if (range === "" || range === "latest" || validRange(range) === null) return first;
  if (first !== undefined && satisfies(first.name, range)) return first;
  const allowed = releases.filter(({ name }) => validVersion(name) !== null && satisfies(name, range));
  const highest = allowed.sort((a, b) => compare(a.name, b.name))[0];
  // npm may select a release that `releases` lacks. If `range` is an exact version, the worker still knows the URL of
  // the release's tarball and can prefetch the tarball. The release's dependencies are unknown.
  return highest ?? (validVersion(range) === range ? { name: range, isPrefetched: true, dependencies: [] } : undefined);
}

function npmSuccessors(key: string, releases: readonly Release[], range: string): Expected[] {
  const release = selected(releases, range);
  if (release === undefined) return [];
  const [, name = "", form] = /^npm\/(.+)\/(packument(?:\.abbreviated)?\.json)$/.exec(key) ?? [];
  const accept = form === "packument.json" ? "application/json" : "application/vnd.npm.install-v1+json";
  const documents = release.dependencies.flatMap((each) => expected(`/npm/${each.name}`, accept, each.range));
  if (!release.isPrefetched) return documents;
  return [...documents, ...expected(`/npm/${name}/-/${name.split("/").at(-1)}-${release.name}.tgz`)];
}

function pythonSuccessors(name: string, key: string, releases: readonly Release[], userAgent: string): Expected[] {
  const accept = key.endsWith(".html") ? "text/html" : "application/vnd.pypi.simple.v1+json";
  const release = releases.find((each) => each.name.endsWith("-any.whl") || !each.name.endsWith(".whl")) ??
    releases.find((each) => fits(each.name, userAgent));
  const dependencies = releases[0]?.dependencies ?? [];
  const documents = dependencies.flatMap((each) => expected(`/pypi/simple/${each.name}/`, accept));
  if (release === undefined) return documents;
  const file = `/pypi/files/${name}/${release.name}`;
  const metadata = release.name.endsWith(".whl") ? expected(`${file}.metadata`) : [];
  return [...metadata, ...documents, ...(release.isPrefetched ? expected(file) : [])];
}

/** Returns whether a wheel fits the Python version and the processor that the User-Agent of a client states. */
function fits(wheel: string, userAgent: string): boolean {
  const minor = PYTHON.exec(userAgent)?.[1];
  const cpu = CPU.exec(userAgent)?.[1];
  if (minor === undefined || cpu === undefined || !wheel.endsWith(`_${cpu}.whl`)) return false;
  const tag = /-cp3(\d+)-(\w+)-[^-]+$/.exec(wheel);
  return tag?.[2] === "abi3" ? Number(tag[1]) <= Number(minor) : tag?.[1] === minor;
}

/**
 * Returns what a client requests after it has read `body`. After an image's manifest, the client requests the image's
 * config and layers. After an index, the client requests the manifests of the images for its architecture.
 */
function imageSuccessors(name: string, body: string, userAgent: string, bytesMax: number): Expected[] {
  const { config, layers, manifests } = parsed(body);
  const architecture = ARCHITECTURE.exec(userAgent)?.[1] ?? "amd64";
  const blobs = [config, ...listOf(layers)].filter((blob) => typeof blob?.size === "number" && blob.size <= bytesMax);
  const images = listOf(manifests).filter(
    (each) => each.platform === undefined || (each.platform.os === "linux" && each.platform.architecture === architecture),
  );
  return [
    ...images.flatMap(({ digest }) => expected(`/v2/${name}/manifests/${String(digest)}`)),
    ...blobs.flatMap((blob) => expected(`/v2/${name}/blobs/${String(blob?.digest)}`)),
  ];
}

function parsed(body: string): { config?: Descriptor; layers?: unknown; manifests?: unknown } {
  try {
    return Object(JSON.parse(body)) as object;
  } catch {
    return {};
  }
}

function listOf(value: unknown): Descriptor[] {
  return Array.isArray(value) ? value.map((each) => Object(each) as Descriptor) : [];
}

/**
 * Resolves the path of a URL to the object that the worker serves at this path. The result is a list, so that callers
 * can concatenate results. It is empty if the path names no object.
 */
function expected(path: string, accept = "", range = ""): Expected[] {
  if (!URL.canParse(path, "https://l1")) return [];
  const found = route(new URL(path, "https://l1"), accept);
  return found.kind === "object" ? [{ route: found, range }] : [];
}
