// Removes refused artifacts from documents. Package managers then choose among the allowed artifacts. All functions are
// pure. A document that lists no refused artifact stays unchanged.

import { explain } from "@renovatebot/pep440";
import compare from "semver/functions/rcompare";

import { pythonVersion } from "./artifacts";
import type { Rule } from "./policy";
import { type DocumentSubject, tagId } from "./subjects";

/**
 * A function that finds the policy rule that refuses an artifact. The result is undefined if all rules allow the
 * artifact. `id` is the artifact's id within its package, such as a filename.
 */
export type Refusing = (id: string) => Rule | undefined;

interface Packument {
  name: string;
  "dist-tags": Record<string, string>;
  versions: Record<string, Record<string, unknown>>;
  time?: Record<string, string>;
  [field: string]: unknown;
}

interface Page {
  versions?: string[];
  files: { filename: string }[];
}

// A packument repeats these fields of the version tagged `latest` at its top level (registry/ecosystems/packument.py).
const OF_LATEST = [
  ...["author", "bugs", "contributors", "description", "homepage", "keywords"],
  ...["license", "maintainers", "readme", "readmeFilename", "repository"],
];
const NAMED_VERSIONS = 5; // the maximum number of versions that an error message lists for one rule
const LINK = /^<a href="[^"#]*\/([^"#\/]+)[#"]/;

/** Returns a document without the artifacts that a rule of the edge policy refuses. */
export function filteredDocument({ form, name }: DocumentSubject, text: string, refusing: Refusing): string {
  if (form === "html") return filteredHtml(text, refusing);
  const document: unknown = JSON.parse(text);
  const filtered =
    form === "packument" ? filteredPackument(document as Packument, refusing)
    : form === "json" ? filteredPage(name, document as Page, refusing)
    : form === "tags" ? filteredTags(document as { tags: string[] }, refusing)
    : filteredReferrers(document as { manifests: { digest: string }[] }, refusing);
  return filtered === undefined ? text : JSON.stringify(filtered);
}

/**
 * Returns the error message for a request for an artifact that a rule of the edge policy refuses. `what` names the
 * artifact.
 */
export function refusalMessage(what: string, { name, reason }: Rule): string {
  return `${what}: refused by rule ${name} of the edge policy${reason === "" ? "" : `: ${reason}`}`;
}

function filteredPackument(packument: Packument, refusing: Refusing): Packument | undefined {
  const refused = new Map<string, Rule>();
  for (const version of Object.keys(packument.versions)) {
    const rule = refusing(version);
    if (rule !== undefined) refused.set(version, rule);
  }
  if (refused.size === 0) return undefined;
  const keep = <T>(of: Record<string, T>): Record<string, T> =>
    Object.fromEntries(Object.entries(of).filter(([version]) => !refused.has(version)));
  const versions = keep(packument.versions);
  const filtered: Packument = {
    ...packument,
    "dist-tags": tagsAmong(packument["dist-tags"], versions),
    versions,
    policyRestrictions: restrictions(packument.name, refused),
  };
  if (packument.time === undefined) return filtered;
  return { ...withFieldsOfLatest(packument, filtered), time: keep(packument.time) };
}

/**
 * Returns the dist-tags of allowed versions. If the version tagged `latest` is refused, `latest` points to the highest
 * allowed version that is not a pre-release. If only pre-releases are allowed, `latest` points to the highest of them.
 */
function tagsAmong(tags: Record<string, string>, versions: Record<string, unknown>): Record<string, string> {
  const kept = Object.entries(tags).filter(([, version]) => Object.hasOwn(versions, version));
  const sorted = Object.keys(versions).sort(compare);
  const latest = sorted.find((version) => !version.includes("-")) ?? sorted[0];
  if (latest === undefined || !Object.hasOwn(tags, "latest")) return Object.fromEntries(kept);
  return { latest, ...Object.fromEntries(kept) };
}

function withFieldsOfLatest(before: Packument, after: Packument): Packument {
  const latest = after["dist-tags"]["latest"];
  if (latest === before["dist-tags"]["latest"]) return after;
  const repeated = Object.entries(latest === undefined ? {} : (after.versions[latest] ?? {}));
  return {
    ...(Object.fromEntries(Object.entries(after).filter(([field]) => !OF_LATEST.includes(field))) as Packument),
    ...Object.fromEntries(repeated.filter(([field]) => OF_LATEST.includes(field))),
  };
}

/**
 * Returns the value of the packument field that lists the refused versions. Because of this field, npm prints that a
 * policy refuses a version. Without the field, npm would print that the version does not exist.
 *
 * npm selects a refused version, and then prints this message, only if no other version fits. Source:
 * npm-pick-manifest, lib/index.js.
 */
function restrictions(name: string, refused: ReadonlyMap<string, Rule>): Record<string, unknown> {
  const byRule = new Map<Rule, string[]>();
  for (const [version, rule] of refused) byRule.set(rule, [...(byRule.get(rule) ?? []), version]);
  const message = [...byRule].map(([rule, versions]) => refusalMessage(versionList(name, versions), rule)).join("\n");
  const stubs = [...refused.keys()].map((version) => [version, { name, version }]);
  return { message, versions: Object.fromEntries(stubs) as Record<string, unknown> };
}

function versionList(name: string, versions: readonly string[]): string {
  const named = versions.slice(-NAMED_VERSIONS).join(", ");
  const left = versions.length - NAMED_VERSIONS;
  return left > 0 ? `${name} ${named} and ${left} more versions` : `${name} ${named}`;
}

function filteredPage(project: string, page: Page, refusing: Refusing): Page | undefined {
  const files = page.files.filter(({ filename }) => refusing(filename) === undefined);
  if (files.length === page.files.length) return undefined;
  if (page.versions === undefined) return { ...page, files };
  const kept = new Set(files.map(({ filename }) => comparable(pythonVersion(project, filename) ?? "")));
  // PEP 700 requires that `versions` has exactly the versions of the listed files.
  return { ...page, versions: page.versions.filter((version) => kept.has(comparable(version))), files };
}

/**
 * Returns a text that is the same for equal Python versions, such as 1.0, 1.0.0 and v1 (PEP 440). A project can have
 * thousands of versions, and a comparison of each version with each file would take many seconds.
 */
function comparable(version: string): string {
  const parsed = explain(version);
  if (parsed === null) return version;
  const { epoch, release, pre, post, dev, local } = parsed;
  return JSON.stringify([epoch, release.join(".").replace(/(?:\.0)+$/, ""), pre, post, dev, local]);
}

/**
 * Removes the lines of refused files from a project's HTML page. The registry writes each link on a line of its own
 * (registry/ecosystems/simple.py).
 */
function filteredHtml(text: string, refusing: Refusing): string {
  const lines = text.split("\n");
  const kept = lines.filter((line) => {
    const [, filename] = LINK.exec(line) ?? [];
    return filename === undefined || refusing(decodeURIComponent(filename)) === undefined;
  });
  return kept.length === lines.length ? text : kept.join("\n");
}

function filteredTags<T extends { tags: string[] }>(list: T, refusing: Refusing): T | undefined {
  const tags = list.tags.filter((tag) => refusing(tagId(tag)) === undefined);
  return tags.length === list.tags.length ? undefined : { ...list, tags };
}

function filteredReferrers<T extends { manifests: { digest: string }[] }>(index: T, refusing: Refusing): T | undefined {
  const manifests = index.manifests.filter(({ digest }) => refusing(digest) === undefined);
  return manifests.length === index.manifests.length ? undefined : { ...index, manifests };
}
