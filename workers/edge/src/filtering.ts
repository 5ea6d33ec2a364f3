// Decides by the rules of an edge policy which artifacts clients may get. A decision depends only on the rules, the
// artifact and the time. Clients with the same rules therefore share cached lists of allowed artifacts.

import parseVersion from "semver/functions/parse";

import { isAffected } from "./advisories";
import { setBounded } from "./bounded_map";
import { matches } from "./grants";
import { isSatisfied } from "./licenses";
import type { Policy, Rule } from "./policy";
import { isIncluded } from "./python_ranges";
import type { Ecosystem } from "./routes";

/**
 * A property of an artifact. The property is undefined if its value is unknown, and null if the artifact has no such
 * property.
 */
export type Property<T> = T | undefined | null;

/**
 * The known properties of an artifact. An artifact is a version of a package, a file, a tag of an image, a manifest or
 * a layer.
 */
export interface Artifact {
  version: Property<string>;
  tag: Property<string>;
  /** The digests of the artifact's content, in the notation that rules of the edge policy use (docs/edge-policy.md). */
  digests: Property<readonly string[]>;
  /** When the artifact was published, in milliseconds since 1970. */
  published: Property<number>;
  /** The licence expression in the artifact's metadata. */
  license?: Property<string>;
  /**
   * The predicate types of the artifact's provenance attestations, which state how and where the artifact was built.
   */
  provenance?: Property<readonly string[]>;
}

const DAY_MILLISECONDS = 86_400_000;
// The maximum number of packages whose rules an isolate keeps in memory. If a package is not in memory, the isolate
// must search all rules of the policy. A search of 1,000 rules takes half a millisecond.
const REMEMBERED_PACKAGES = 2_000;

const rulesByPackage = new WeakMap<Policy, Map<string, readonly Rule[]>>();

/**
 * Returns the rules that can apply to a package's artifacts, in the policy's order. Keeps the rules of recently
 * requested packages in memory.
 */
export function rulesFor(policy: Policy, ecosystem: Ecosystem, name: string): readonly Rule[] {
  const known = rulesByPackage.get(policy) ?? new Map<string, readonly Rule[]>();
  rulesByPackage.set(policy, known);
  const key = `${ecosystem}:${name}`;
  const found = known.get(key) ?? rulesAmong(policy, ecosystem, name);
  setBounded(known, key, found, REMEMBERED_PACKAGES);
  return found;
}

function rulesAmong(policy: Policy, ecosystem: Ecosystem, name: string): readonly Rule[] {
  const found: Rule[] = [];
  for (const rule of policy.rules) {
    if (rule.ecosystem !== undefined && rule.ecosystem !== ecosystem) continue;
    if (!rule.packages.some((pattern) => matches(pattern, name))) continue;
    found.push(rule);
    if (isUnconditional(rule)) break;
  }
  // An artifact that no rule matches is allowed. Allow rules therefore have an effect only together with a deny rule.
  // Without a deny rule, the function returns no rules.
  return found.some(({ action }) => action === "deny") ? found : [];
}

/** Returns the rule that refuses all artifacts of a package, or undefined when the rules may allow some of them. */
export function refusingAll(rules: readonly Rule[]): Rule | undefined {
  const first = rules.find((rule) => rule.action === "allow" || isUnconditional(rule));
  return first?.action === "deny" ? first : undefined;
}

/** Returns the rule that refuses the artifact at the time `now`, or undefined when the artifact is allowed. */
export function refusing(rules: readonly Rule[], artifact: Artifact, now: number): Rule | undefined {
  const first = rules.find((rule) => isMatch(rule, artifact, now));
  return first?.action === "deny" ? first : undefined;
}

function isUnconditional({ versions, tags, digests, youngerThanDays, severity, advisory, ...rule }: Rule): boolean {
  const conditions = [versions, tags, digests, youngerThanDays, severity, advisory, rule.withoutLicense, rule.withoutProvenance];
  return conditions.every((condition) => condition === undefined);
}

/**
 * Returns whether the rule matches the artifact. The first case that applies decides:
 *
 * - A condition is false. The rule does not match.
 * - A condition is about a property that the artifact cannot have. A deny rule does not match, and an allow rule
 *   matches. For example, a layer has no tag. A rule that denies some tags does not refuse the layer, and a rule that
 *   allows some tags allows the layer.
 * - A condition is about a property whose value is unknown. A deny rule matches unless it has `allowsUnknown`, and an
 *   allow rule does not match.
 * - All conditions are true. The rule matches.
 */
function isMatch(rule: Rule, artifact: Artifact, now: number): boolean {
  const verdicts = [
    verdict(rule.versions, artifact.version, isInRange),
    verdict(rule.tags, artifact.tag, matchesAny),
    verdict(rule.digests, artifact.digests, (digests, of) => of.some((digest) => digests.has(digest))),
    verdict(rule.advisory, artifact.version, ({ of, advisory }, version) => isAffected(of, advisory, version)),
    verdict(rule.withoutLicense, artifact.license, (patterns, license) => !isSatisfied(license, patterns)),
    verdict(rule.withoutProvenance, artifact.provenance, (patterns, types) => !types.some((type) => matchesAny(patterns, type))),
    verdict(rule.youngerThanDays, artifact.published, (days, published) => now - published < days * DAY_MILLISECONDS),
  ];
  if (verdicts.includes(false)) return false;
  if (verdicts.includes(null)) return rule.action === "allow";
  return !verdicts.includes(undefined) || (rule.action === "deny" && rule.allowsUnknown !== true);
}

function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matches(pattern, text));
}

function verdict<C, T extends string | number | readonly string[]>(
  condition: C | undefined,
  property: Property<T>,
  holds: (condition: C, property: T) => boolean | undefined,
): Property<boolean> {
  if (condition === undefined) return true;
  return property === undefined || property === null ? property : holds(condition, property);
}

/**
 * Returns whether a rule's range of versions includes a version. Returns undefined if `version` is not a valid version
 * in the rule's ecosystem.
 */
function isInRange(range: NonNullable<Rule["versions"]>, version: string): boolean | undefined {
  if (typeof range === "string") return isIncluded(version, range);
  const parsed = parseVersion(version);
  return parsed === null ? undefined : range.test(parsed);
}
