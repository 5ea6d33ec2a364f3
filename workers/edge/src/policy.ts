// The edge policy: parses and validates the document that `python -m registry edge policy put` stores
// (docs/edge-policy.md). The worker validates the document again, because an invalid document must not change the
// worker's decisions. registry/edge_policy accepts and refuses the same documents.

import Range from "semver/classes/range";

import type { Advisory, Level, PackageAdvisories } from "./advisories";
import { experimentsIn, type Experiment, PRINCIPAL } from "./experiments";
import { areTexts, check, type Fields, fieldsOf, InvalidDocument, isInteger, isText, NAME } from "./fields";
import { Networks, prefixOf } from "./networks";
import { isSpecifier } from "./python_ranges";
import type { Ecosystem } from "./routes";

/** A rule matches an artifact when all its conditions are true. An absent condition is always true. */
export interface Rule {
  name: string;
  action: "allow" | "deny";
  ecosystem?: Ecosystem;
  packages: readonly string[];
  /** Patterns that match the names of principals. Absent when the rule applies to all principals. */
  principals?: readonly string[];
  /** The versions that the rule matches: an npm range, or a specifier of PEP 440. */
  versions?: Range | string;
  tags?: readonly string[];
  digests?: ReadonlySet<string>;
  youngerThanDays?: number;
  /** The rule concerns vulnerabilities with at least this severity (rule_sets.ts). */
  severity?: Level;
  /**
   * With `withoutLicense`, the rule matches an artifact unless one of these patterns matches the artifact's licence.
   * With `withoutProvenance`, the rule matches an artifact unless one of these patterns matches the predicate type of
   * one of the artifact's attestations.
   */
  withoutLicense?: readonly string[];
  withoutProvenance?: readonly string[];
  /**
   * Decides how a deny rule treats a condition on a property whose value is unknown for an artifact. By default, the
   * condition counts as true. With `allowsUnknown`, it counts as false. Allow rules do not use this field.
   */
  allowsUnknown?: boolean;
  /** The advisory whose affected versions the rule matches. Only rules in a rule set have this field (rule_sets.ts). */
  advisory?: { of: PackageAdvisories; advisory: Advisory };
  /**
   * The id of the rule in a package's list of refused artifacts. Only a rule for an advisory has the field `id`, which
   * consists of the rule's name and the advisory's id (rule_sets.ts). In the list, the id of any other rule is its
   * `name`.
   */
  id?: string;
  reason: string;
}

/**
 * An exemption: the worker ignores the advisory with the id `advisory` for some packages. `packages` has patterns of
 * the names of these packages. Without `packages`, the worker ignores the advisory for all packages.
 */
export interface Exemption {
  advisory: string;
  ecosystem?: Ecosystem;
  packages?: readonly string[];
}

/** An edge policy. The first of its rules that matches an artifact decides whether clients may get the artifact. */
export interface Policy {
  rules: readonly Rule[];
  exemptions: readonly Exemption[];
  experiments: readonly Experiment[];
  /** The principals of operators. Only operators see their variants of experiments in a response header. */
  operators: readonly string[];
  /** The networks whose clients the worker refuses. Absent when the policy blocks no network. */
  blocked?: Networks;
}

/**
 * The rule that refuses malware. The worker applies this rule even without an edge policy. No rule of an edge policy
 * may have the name of this rule.
 */
export const MALWARE_RULE: Rule = { name: "known-malware", action: "deny", packages: ["*"], reason: "" };

/**
 * Returns the id of a rule, or an empty string if there is no rule. A package's list of refusals maps each artifact to
 * such an id (enforcement.ts).
 */
export function idOf(rule: Rule | undefined): string {
  return rule?.id ?? rule?.name ?? "";
}

const FORMAT = 1;
const RULES_MAX = 1_000;
const RANGE_CHARACTERS_MAX = 256;
const DAYS_MAX = 3_650;
const DOCUMENT_FIELDS = ["format", "rules", "exemptions", "experiments", "operators", "blocked"];
const RULE_FIELDS = [
  ...["name", "action", "ecosystem", "packages", "versions", "tags", "digests", "younger_than_days", "reason"],
  "principals",
  ...["severity", "without_license", "without_provenance", "unknown"],
];
const EXEMPTION_FIELDS = ["advisory", "ecosystem", "packages", "reason"];
const EXEMPTIONS_MAX = 1_000;
const BLOCKED_MAX = 1_000;
const SEVERITY = /^(?:critical|high|medium|low)$/;
// The maximum number of rules with `principals` in a policy. The edge identifies a group of principals by a bit mask
// with one bit for each of these rules (groups.ts), so the number of rules is limited.
const PRINCIPAL_RULES_MAX = 24;
const PRINCIPALS = /^[A-Za-z0-9._@/+*-]{1,128}$/;
const LICENSE = /^[!-~](?:[ -~]{0,98}[!-~])?$/;
const ADVISORY = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}$/;
const PATTERN = /^[a-z0-9@*._~/-]{1,255}$/;
const TAG = /^[A-Za-z0-9_.*-]{1,128}$/;
const REASON = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]{0,200}$/u;
const DIGESTS: Record<Ecosystem, RegExp> = {
  npm: /^sha512-[A-Za-z0-9+/]{86}==$/,
  pypi: /^sha256:[0-9a-f]{64}$/,
  oci: /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/,
};

/** Parses the JSON text of an edge policy. Throws `InvalidDocument` if the text is not a valid policy. */
export function parsePolicy(text: string): Policy {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new InvalidDocument("the document is no JSON");
  }
  const fields = fieldsOf(given, DOCUMENT_FIELDS, "the document");
  const { format, rules, exemptions = [], experiments = [], operators } = fields;
  check(format === FORMAT, "the document", "format");
  check(Array.isArray(rules) && rules.length <= RULES_MAX, "the document", "rules");
  const parsed = (rules as unknown[]).map(ruleOf);
  if (new Set(parsed.map(({ name }) => name)).size < parsed.length) throw new InvalidDocument("two rules have one name");
  check(parsed.filter(({ principals }) => principals !== undefined).length <= PRINCIPAL_RULES_MAX, "the document", "principals");
  check(Array.isArray(exemptions) && exemptions.length <= EXEMPTIONS_MAX, "the document", "exemptions");
  check(operators === undefined || areTexts(operators, PRINCIPAL), "the document", "operators");
  return {
    rules: parsed,
    exemptions: (exemptions as unknown[]).map(exemptionOf),
    experiments: experimentsIn(experiments),
    operators: operators ?? [],
    ...blockedIn(fields),
  };
}

function blockedIn({ blocked = [] }: Fields): Pick<Policy, "blocked"> {
  check(Array.isArray(blocked) && blocked.length <= BLOCKED_MAX, "the document", "blocked");
  const prefixes = (blocked as unknown[]).map((network) => (typeof network === "string" ? prefixOf(network) : undefined));
  check(prefixes.every((prefix) => prefix !== undefined), "the document", "blocked");
  return prefixes.length === 0 ? {} : { blocked: new Networks(prefixes) };
}

function ruleOf(given: unknown, index: number): Rule {
  const fields = fieldsOf(given, RULE_FIELDS, `rule number ${index + 1}`);
  const { name, action, reason = "" } = fields;
  check(isText(name, NAME) && name !== MALWARE_RULE.name, `rule number ${index + 1}`, "name");
  const what = `rule ${name}`;
  check(action === "allow" || action === "deny", what, "action");
  check(isText(reason, REASON), what, "reason");
  const ecosystem = ecosystemIn(fields, what);
  return {
    name,
    action,
    ...(ecosystem === undefined ? {} : { ecosystem }),
    packages: packagesIn(fields, what, ecosystem),
    ...principalsIn(fields, what),
    ...versionsIn(fields, what, ecosystem),
    ...tagsIn(fields, what, ecosystem),
    ...digestsIn(fields, what, ecosystem),
    ...ageIn(fields, what, action),
    ...severityIn(fields, what, action, ecosystem),
    ...requiredIn(fields, what, action, ecosystem),
    ...unknownIn(fields, what),
    reason,
  };
}

function exemptionOf(given: unknown, index: number): Exemption {
  const what = `exemption number ${index + 1}`;
  const fields = fieldsOf(given, EXEMPTION_FIELDS, what);
  const { advisory, packages, reason } = fields;
  check(isText(advisory, ADVISORY), what, "advisory");
  check(isText(reason, REASON) && reason.trim() !== "", what, "reason");
  const ecosystem = ecosystemIn(fields, what);
  check(ecosystem !== "oci", what, "ecosystem");
  return {
    advisory,
    ...(ecosystem === undefined ? {} : { ecosystem }),
    ...(packages === undefined ? {} : { packages: packagesIn(fields, what, ecosystem) }),
  };
}

function ecosystemIn({ ecosystem }: Fields, what: string): Ecosystem | undefined {
  if (ecosystem === undefined) return undefined;
  check(ecosystem === "npm" || ecosystem === "pypi" || ecosystem === "oci", what, "ecosystem");
  return ecosystem;
}

function packagesIn({ packages }: Fields, what: string, ecosystem: Ecosystem | undefined): readonly string[] {
  check(areTexts(packages, PATTERN), what, "packages");
  if (ecosystem === undefined) check(packages.length === 1 && packages[0] === "*", what, "packages");
  // Rules are applied to the normalized name of a Python project (PEP 503). A pattern with another form of a name would
  // match nothing.
  if (ecosystem === "pypi") check(!packages.some((pattern) => /[._]|--/.test(pattern)), what, "packages");
  return packages;
}

function principalsIn({ principals }: Fields, what: string): Pick<Rule, "principals"> {
  if (principals === undefined) return {};
  check(areTexts(principals, PRINCIPALS), what, "principals");
  return { principals };
}

function versionsIn({ versions }: Fields, what: string, ecosystem: Ecosystem | undefined): Pick<Rule, "versions"> {
  if (versions === undefined) return {};
  const isShort = typeof versions === "string" && versions.length <= RANGE_CHARACTERS_MAX && /^[ -~]*[!-~][ -~]*$/.test(versions);
  check(isShort, what, "versions");
  if (ecosystem === "pypi") {
    check(isSpecifier(versions), what, "versions");
    return { versions };
  }
  check(ecosystem === "npm" && versions.split("||").every((part) => part.trim() !== ""), what, "versions");
  return { versions: npmRange(versions, what) };
}

/**
 * Parses the npm version range of a rule. By default, an npm range does not match most pre-releases. The parsed range
 * matches each pre-release between its bounds.
 */
function npmRange(text: string, what: string): Range {
  try {
    return new Range(text, { includePrerelease: true });
  } catch {
    throw new InvalidDocument(`${what}: versions`);
  }
}

function tagsIn({ tags }: Fields, what: string, ecosystem: Ecosystem | undefined): Pick<Rule, "tags"> {
  if (tags === undefined) return {};
  check(ecosystem === "oci" && areTexts(tags, TAG), what, "tags");
  return { tags };
}

function digestsIn({ digests }: Fields, what: string, ecosystem: Ecosystem | undefined): Pick<Rule, "digests"> {
  if (digests === undefined) return {};
  check(ecosystem !== undefined && areTexts(digests, DIGESTS[ecosystem]), what, "digests");
  return { digests: new Set(digests) };
}

function ageIn({ younger_than_days: days }: Fields, what: string, action: Rule["action"]): Pick<Rule, "youngerThanDays"> {
  if (days === undefined) return {};
  check(isInteger(days, 1, DAYS_MAX) && action === "deny", what, "younger_than_days");
  return { youngerThanDays: days };
}

function severityIn(
  { severity }: Fields,
  what: string,
  action: Rule["action"],
  ecosystem: Ecosystem | undefined,
): Pick<Rule, "severity"> {
  if (severity === undefined) return {};
  check(isText(severity, SEVERITY) && action === "deny" && ecosystem !== "oci", what, "severity");
  return { severity: severity as Level };
}

function requiredIn(
  { without_license: licenses, without_provenance: types }: Fields,
  what: string,
  action: Rule["action"],
  ecosystem: Ecosystem | undefined,
): Pick<Rule, "withoutLicense" | "withoutProvenance"> {
  const isUsable = action === "deny" && ecosystem !== "oci";
  check(licenses === undefined || (areTexts(licenses, LICENSE) && isUsable), what, "without_license");
  check(types === undefined || (areTexts(types, LICENSE) && isUsable), what, "without_provenance");
  return {
    ...(licenses === undefined ? {} : { withoutLicense: licenses }),
    ...(types === undefined ? {} : { withoutProvenance: types }),
  };
}

function unknownIn(fields: Fields, what: string): Pick<Rule, "allowsUnknown"> {
  const { unknown } = fields;
  if (unknown === undefined) return {};
  const isUsable = ["severity", "without_license", "without_provenance"].some((field) => fields[field] !== undefined);
  check(isUsable && (unknown === "allow" || unknown === "deny"), what, "unknown");
  return { allowsUnknown: unknown === "allow" };
}
