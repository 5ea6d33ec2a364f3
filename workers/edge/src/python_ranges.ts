// Matches Python versions, including pre-releases, with version specifiers (PEP 440, "Version specifiers"). A library
// compares the versions. This module does not use the library's own matching of specifiers, because pip's matching
// differs: the library does not match 1.0 with `<1.0.post1`, `>1.0rc1` and `==1.0.0.*`.

import { compare, explain, validRange } from "@renovatebot/pep440";

type Version = NonNullable<ReturnType<typeof explain>>;

const PART = /^(~=|==|!=|<=|>=|<|>)\s*(.+?)(\.\*)?$/;

/**
 * Returns whether the string is a comma-separated list of version specifiers. The function rejects specifiers with the
 * operator `===`, because this operator compares versions as plain strings.
 */
export function isSpecifier(text: string): boolean {
  return text.split(",").every((part) => PART.test(part.trim()) && !part.includes("===") && validRange(part));
}

/**
 * Returns whether a version specifier includes a version. Returns undefined if `version` is not a valid version.
 */
export function isIncluded(version: string, specifier: string): boolean | undefined {
  const candidate = explain(version);
  return candidate === null ? undefined : specifier.split(",").every((part) => isMatch(candidate, part.trim()));
}

function isMatch(candidate: Version, part: string): boolean {
  const [, operator, text = "", prefix] = PART.exec(part) ?? [];
  const wanted = explain(text);
  if (wanted === null) return false;
  const order = compare(candidate.public, text);
  if (operator === "<=") return order <= 0;
  if (operator === ">=") return order >= 0;
  if (operator === "~=") return order >= 0 && startsWith(candidate, wanted, wanted.release.slice(0, -1));
  if (operator === "<") return isBefore(candidate, wanted);
  if (operator === ">") return isAfter(candidate, wanted);
  const isEqual = prefix !== undefined ? startsWith(candidate, wanted, wanted.release) : isSame(candidate, wanted, text);
  return operator === "!=" ? !isEqual : isEqual;
}

/**
 * Returns whether the two versions have the same epoch, and the candidate's release number begins with the numbers in
 * `release`. If the candidate's release number is too short, zeros are added to it.
 */
function startsWith(candidate: Version, wanted: Version, release: readonly number[]): boolean {
  return candidate.epoch === wanted.epoch && release.every((number, at) => (candidate.release[at] ?? 0) === number);
}

/**
 * Returns whether the candidate equals `wanted`, the version in the specifier. Local version labels are compared only
 * if `wanted` has a local version label.
 */
function isSame(candidate: Version, wanted: Version, text: string): boolean {
  return compare(wanted.local === null ? candidate.public : wholeOf(candidate), text) === 0;
}

/**
 * Returns whether the candidate is before the wanted version (operator `<`). A pre-release of the wanted version is not
 * treated as before the wanted version, unless the wanted version is a pre-release itself.
 */
function isBefore(candidate: Version, wanted: Version): boolean {
  return compare(candidate.public, wanted.is_prerelease ? wanted.public : `${wanted.public}.dev0`) < 0;
}

/**
 * Returns whether the candidate is after the wanted version V (operator `>`). Local versions of V are never after V.
 * Post-releases of V are after V only if V is a post-release itself.
 */
function isAfter(candidate: Version, wanted: Version): boolean {
  if (compare(candidate.public, wanted.public) <= 0) return false;
  const isPostRelease = candidate.is_postrelease && !wanted.is_postrelease && wanted.dev === null;
  const hasBase = compare(candidate.base_version, wanted.base_version) === 0;
  return !(isPostRelease && hasBase && String(candidate.pre) === String(wanted.pre));
}

function wholeOf({ public: text, local }: Version): string {
  return local === null ? text : `${text}+${local}`;
}
