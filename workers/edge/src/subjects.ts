// Derives the kind of an object from its key. The rules of the edge policy distinguish three kinds: artifacts, blobs of
// images, and documents that list artifacts.

import { canonicalPypiName, type Ecosystem } from "./routes";

interface Package {
  ecosystem: Ecosystem;
  /** The canonical name of the package that an object belongs to. */
  name: string;
  /** The key of the document that has the properties of all artifacts of the package. */
  index: string;
}

/**
 * The form of a document that lists artifacts. Clients can read documents in all forms except `contents`, the index of
 * an image repository.
 */
export type Form = "packument" | "html" | "json" | "tags" | "referrers" | "contents";

/** A document that lists the artifacts of a package. */
export type DocumentSubject = Package & { kind: "document"; form: Form };

/**
 * An artifact of a package, or a file that belongs to an artifact. `id` is the artifact's name in the package's index
 * (artifacts.ts).
 */
export type ArtifactSubject = Package & { kind: "artifact"; id: string };

/** A layer or a configuration of an image. Unlike artifacts, blobs are not listed in the package's index. */
export type BlobSubject = Package & { kind: "blob"; digest: string };

export type Subject = DocumentSubject | ArtifactSubject | BlobSubject;

const NPM = /^npm\/((?:@[^/]+\/)?[^/@]+)\/(?:(packument(?:\.abbreviated)?\.json)|-\/([^/]+)|attestations\/([^/]+)\.json)$/;
const PAGE = /^pypi\/simple\/([^/]+)\/index\.(html|json)$/;
const FILE = /^pypi\/files\/([^/]+)\/([^/]+?)(?:\.metadata)?$/;
const TAG_LIST = /^oci\/taglists\/(.+)\/(list|contents)\.json$/;
const REFERRERS = /^oci\/referrers\/(.+)\/[^/]+\/[^/]+\.json$/;
const TAG = /^oci\/tags\/(.+)\/([^/]+)$/;
const BY_DIGEST = /^oci\/(manifests|blobs)\/(.+)\/([^/]+)\/([^/]+)$/;

/**
 * Returns the kind of the object with this key (document, artifact or blob), and the object's package. Returns
 * undefined for an object that belongs to no package.
 */
export function subjectOf(key: string): Subject | undefined {
  const ecosystem = key.slice(0, Math.max(key.indexOf("/"), 0));
  return isEcosystem(ecosystem) ? SUBJECT_IN[ecosystem](key) : undefined;
}

// A record, so that the compiler demands an entry for each new ecosystem. The edge policy refuses nothing under a key
// without a subject.
const SUBJECT_IN: Readonly<Record<Ecosystem, (key: string) => Subject | undefined>> = {
  npm: npmSubject,
  pypi: pythonSubject,
  oci: imageSubject,
};

function isEcosystem(text: string): text is Ecosystem {
  return Object.hasOwn(SUBJECT_IN, text);
}

/**
 * Returns the id of an image's tag in the index of the image repository. The index also contains manifests, whose ids
 * are their digests. The prefix `tag` distinguishes the ids of tags from digests.
 */
export function tagId(tag: string): string {
  return `tag ${tag}`;
}

/**
 * Returns the digest in the key of an image's manifest or blob. Returns undefined for the keys of all other objects.
 */
export function digestIn(key: string): string | undefined {
  const [, , , algorithm, encoded] = BY_DIGEST.exec(key) ?? [];
  return algorithm === undefined ? undefined : `${algorithm}:${encoded}`;
}

function npmSubject(key: string): Subject | undefined {
  const [, name, document, file, attested] = NPM.exec(key) ?? [];
  if (name === undefined) return undefined;
  const of = { ecosystem: "npm", name: name.toLowerCase(), index: `npm/${name}/packument.json` } as const;
  if (document !== undefined) return { ...of, kind: "document", form: "packument" };
  return { ...of, kind: "artifact", id: file ?? attested ?? "" };
}

function pythonSubject(key: string): Subject | undefined {
  const [, project, form] = PAGE.exec(key) ?? [];
  if (project !== undefined) return { ...python(project), kind: "document", form: form === "html" ? "html" : "json" };
  const [, name, filename] = FILE.exec(key) ?? [];
  return name === undefined || filename === undefined ? undefined : { ...python(name), kind: "artifact", id: filename };
}

function python(name: string): Package {
  return { ecosystem: "pypi", name: canonicalPypiName(name), index: `pypi/simple/${name}/index.json` };
}

function imageSubject(key: string): Subject | undefined {
  const [, listed, form] = TAG_LIST.exec(key) ?? [];
  if (listed !== undefined) return { ...image(listed), kind: "document", form: form === "list" ? "tags" : "contents" };
  const [, referred] = REFERRERS.exec(key) ?? [];
  if (referred !== undefined) return { ...image(referred), kind: "document", form: "referrers" };
  const [, tagged, tag] = TAG.exec(key) ?? [];
  if (tagged !== undefined && tag !== undefined) return { ...image(tagged), kind: "artifact", id: tagId(tag) };
  const [, section, name, algorithm, encoded] = BY_DIGEST.exec(key) ?? [];
  if (name === undefined) return undefined;
  const digest = `${algorithm}:${encoded}`;
  return section === "blobs" ? { ...image(name), kind: "blob", digest } : { ...image(name), kind: "artifact", id: digest };
}

function image(name: string): Package {
  return { ecosystem: "oci", name, index: `oci/taglists/${name}/contents.json` };
}
