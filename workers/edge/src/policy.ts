// The edge policy: parses and validates the document that `python -m registry edge policy put` stores
// (docs/edge-policy.md). The worker validates the document again, because an invalid document must not change its
// decisions. registry/edge_policy accepts and refuses the same documents.

import Range from "semver/classes/range";

import { isSpecifier } from "./python_ranges";
import type { Ecosystem } from "./routes";

/** A rule matches an artifact when all its conditions are true. An absent condition is always true. */
export interface Rule {
  name: string;
  action: "allow" | "deny";
  ecosystem?: Ecosystem;
  packages: readonly string[];
  /** An npm range, or a specifier of PEP 440. */
  versions?: Range | string;
  tags?: readonly string[];
  digests?: ReadonlySet<string>;
  youngerThanDays?: number;
  reason: string;
}

/** The first rule that matches an artifact decides. */
export interface Policy {
  rules: readonly Rule[];
}

/** Thrown for a document that is no edge policy. The message names the rule and the field. */
export class InvalidPolicy extends Error {}

type Fields = Record<string, unknown>;

const FORMAT = 1;
const RULES_MAX = 1_000;
const TEXTS_MAX = 1_000;
const RANGE_CHARACTERS_MAX = 256;
const DAYS_MAX = 3_650;
const RULE_FIELDS = ["name", "action", "ecosystem", "packages", "versions", "tags", "digests", "younger_than_days", "reason"];
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;
const PATTERN = /^[a-z0-9@*._~/-]{1,255}$/;
const TAG = /^[A-Za-z0-9_.*-]{1,128}$/;
const REASON = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]{0,200}$/u;
const DIGESTS: Record<Ecosystem, RegExp> = {
  npm: /^sha512-[A-Za-z0-9+/]{86}==$/,
  pypi: /^sha256:[0-9a-f]{64}$/,
  oci: /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/,
};

/** Returns the policy in a JSON text. Throws `InvalidPolicy`. */
export function parsePolicy(text: string): Policy {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new InvalidPolicy("the document is no JSON");
  }
  const { format, rules } = fieldsOf(given, ["format", "rules"], "the document");
  check(format === FORMAT, "the document", "format");
  check(Array.isArray(rules) && rules.length <= RULES_MAX, "the document", "rules");
  const parsed = (rules as unknown[]).map(ruleOf);
  if (new Set(parsed.map(({ name }) => name)).size < parsed.length) throw new InvalidPolicy("two rules have one name");
  return { rules: parsed };
}

function ruleOf(given: unknown, index: number): Rule {
  const fields = fieldsOf(given, RULE_FIELDS, `rule number ${index + 1}`);
  const { name, action, reason = "" } = fields;
  check(isText(name, NAME), `rule number ${index + 1}`, "name");
  check(action === "allow" || action === "deny", name, "action");
  check(isText(reason, REASON), name, "reason");
  const ecosystem = ecosystemIn(fields, name);
  return {
    name,
    action,
    ...(ecosystem === undefined ? {} : { ecosystem }),
    packages: packagesIn(fields, name, ecosystem),
    ...versionsIn(fields, name, ecosystem),
    ...tagsIn(fields, name, ecosystem),
    ...digestsIn(fields, name, ecosystem),
    ...ageIn(fields, name, action),
    reason,
  };
}

function ecosystemIn({ ecosystem }: Fields, name: string): Ecosystem | undefined {
  if (ecosystem === undefined) return undefined;
  check(ecosystem === "npm" || ecosystem === "pypi" || ecosystem === "oci", name, "ecosystem");
  return ecosystem;
}

function packagesIn({ packages }: Fields, name: string, ecosystem: Ecosystem | undefined): readonly string[] {
  check(areTexts(packages, PATTERN), name, "packages");
  if (ecosystem === undefined) check(packages.length === 1 && packages[0] === "*", name, "packages");
  // Python names are matched in the normal form of PEP 503.
  if (ecosystem === "pypi") check(!packages.some((pattern) => /[._]|--/.test(pattern)), name, "packages");
  return packages;
}

function versionsIn({ versions }: Fields, name: string, ecosystem: Ecosystem | undefined): Pick<Rule, "versions"> {
  if (versions === undefined) return {};
  const isShort = typeof versions === "string" && versions.length <= RANGE_CHARACTERS_MAX && /^[ -~]*[!-~][ -~]*$/.test(versions);
  check(isShort, name, "versions");
  if (ecosystem === "pypi") {
    check(isSpecifier(versions), name, "versions");
    return { versions };
  }
  check(ecosystem === "npm" && versions.split("||").every((part) => part.trim() !== ""), name, "versions");
  return { versions: npmRange(versions, name) };
}

/** Returns an npm range that includes pre-releases, so that no pre-release passes a rule about its range. */
function npmRange(text: string, name: string): Range {
  try {
    return new Range(text, { includePrerelease: true });
  } catch {
    throw new InvalidPolicy(`rule ${name}: versions`);
  }
}

function tagsIn({ tags }: Fields, name: string, ecosystem: Ecosystem | undefined): Pick<Rule, "tags"> {
  if (tags === undefined) return {};
  check(ecosystem === "oci" && areTexts(tags, TAG), name, "tags");
  return { tags };
}

function digestsIn({ digests }: Fields, name: string, ecosystem: Ecosystem | undefined): Pick<Rule, "digests"> {
  if (digests === undefined) return {};
  check(ecosystem !== undefined && areTexts(digests, DIGESTS[ecosystem]), name, "digests");
  return { digests: new Set(digests) };
}

function ageIn({ younger_than_days: days }: Fields, name: string, action: Rule["action"]): Pick<Rule, "youngerThanDays"> {
  if (days === undefined) return {};
  const isInRange = typeof days === "number" && Number.isInteger(days) && days >= 1 && days <= DAYS_MAX;
  check(isInRange && action === "deny", name, "younger_than_days");
  return { youngerThanDays: days };
}

function fieldsOf(given: unknown, known: readonly string[], what: string): Fields {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw new InvalidPolicy(`${what} is no object`);
  const unknown = Object.keys(given).find((field) => !known.includes(field));
  if (unknown !== undefined) throw new InvalidPolicy(`${what}: unknown field ${unknown}`);
  return given as Fields;
}

function isText(given: unknown, form: RegExp): given is string {
  return typeof given === "string" && form.test(given);
}

function areTexts(given: unknown, form: RegExp): given is string[] {
  return Array.isArray(given) && given.length >= 1 && given.length <= TEXTS_MAX && given.every((text) => isText(text, form));
}

function check(holds: boolean, rule: string, field: string): asserts holds {
  if (!holds) throw new InvalidPolicy(`rule ${rule}: ${field}`);
}
