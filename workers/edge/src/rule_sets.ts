// Combines the edge policy with the advisories: the rules that decide about the artifacts of one package.

import { advisoriesOf, type DataSet, dataSetWith, type Advisory, type Level, type PackageAdvisories } from "./advisories";
import { rulesFor } from "./filtering";
import { matches } from "./grants";
import { type NamedPolicy, policyWith } from "./policies";
import { type Exemption, MALWARE_RULE, type Policy, type Rule } from "./policy";
import type { Ecosystem } from "./routes";
import type { Named, Read } from "./versioned_documents";

/** A policy and a data set of advisories. `id` names both in the paths of L1. */
export interface RuleSet {
  id: string;
  policy: Policy;
  dataSet: DataSet | undefined;
}

const NO_POLICY = "none";
const EMPTY: Policy = { rules: [], exemptions: [], experiments: [], operators: [] };
const SEVERITIES: readonly Level[] = ["low", "medium", "high", "critical"];

const expanded = new WeakMap<PackageAdvisories, WeakMap<Policy, readonly Rule[]>>();

/** Returns the rule set of a policy and a data set in force, or undefined when there is neither. */
export function ruleSetOf(policy: NamedPolicy | undefined, dataSet: Named<DataSet> | undefined): RuleSet | undefined {
  if (policy === undefined && dataSet === undefined) return undefined;
  const id = (policy?.digest ?? NO_POLICY) + (dataSet === undefined ? "" : `.${dataSet.digest}`);
  return { id, policy: policy?.policy ?? EMPTY, dataSet: dataSet?.value };
}

/** Returns the rule set with an id. Throws `InvalidDocument`, or `Unavailable` when a part of it cannot be read. */
export async function ruleSetWith(id: string, read: Read): Promise<RuleSet> {
  const [policy = NO_POLICY, digest] = id.split(".");
  const [found, dataSet] = await Promise.all([
    policy === NO_POLICY ? EMPTY : policyWith(policy, read),
    digest === undefined ? undefined : dataSetWith(digest, read),
  ]);
  return { id, policy: found, dataSet };
}

/**
 * Returns the rules that decide about a package's artifacts, in their order. `read` fetches stored objects. Throws
 * `Unavailable` when the package's advisories cannot be read.
 */
export async function rulesOf(ruleSet: RuleSet, ecosystem: Ecosystem, name: string, read: Read): Promise<readonly Rule[]> {
  const { policy, dataSet } = ruleSet;
  const advisories = dataSet && (await advisoriesOf(dataSet, ecosystem, name, read));
  if (advisories === undefined) return withAdvisories(rulesFor(policy, ecosystem, name), [], undefined);
  const byPolicy = expanded.get(advisories) ?? new WeakMap<Policy, readonly Rule[]>();
  expanded.set(advisories, byPolicy);
  const known = byPolicy.get(policy);
  if (known !== undefined) return known;
  const counting = advisories.advisories.filter((each) => !isExempt(policy.exemptions, ecosystem, name, each));
  const rules = withAdvisories(rulesFor(policy, ecosystem, name), counting, advisories);
  byPolicy.set(policy, rules);
  return rules;
}

/** Replaces each rule about severities by one rule for each advisory that it concerns. Malware is refused before all. */
function withAdvisories(
  rules: readonly Rule[],
  advisories: readonly Advisory[],
  of: PackageAdvisories | undefined,
): readonly Rule[] {
  if (of === undefined && !rules.some(({ severity }) => severity !== undefined)) return rules;
  const malware = advisories.filter(({ level }) => level === "malware");
  const found = [
    ...malware.map((each) => bound(MALWARE_RULE, each, of)),
    ...rules.flatMap((rule) => (rule.severity === undefined ? [rule] : concerned(rule, advisories).map((each) => bound(rule, each, of)))),
  ];
  return found.some(({ action }) => action === "deny") ? found : [];
}

/** Returns the advisories about vulnerabilities that a rule concerns. A severity that nobody knows counts as high enough. */
function concerned({ severity, allowsUnknown }: Rule, advisories: readonly Advisory[]): readonly Advisory[] {
  const least = SEVERITIES.indexOf(severity ?? "low");
  return advisories.filter(({ level }) =>
    level === "unknown" ? allowsUnknown !== true : level !== "malware" && SEVERITIES.indexOf(level) >= least,
  );
}

/** Returns a rule that matches the versions that one advisory affects. */
function bound({ severity: _, ...rule }: Rule, advisory: Advisory, of: PackageAdvisories | undefined): Rule {
  const { id, level, spans } = advisory;
  const all = spans.some(([first, last]) => first === 0 && last === undefined);
  const said = level === "malware" ? `${id} says that this is malware` : `${id}, severity ${level}`;
  return {
    ...rule,
    id: `${rule.name} ${id}`,
    reason: rule.reason === "" ? said : `${said}: ${rule.reason}`,
    ...(all || of === undefined ? {} : { advisory: { of, advisory } }),
  };
}

function isExempt(exemptions: readonly Exemption[], ecosystem: Ecosystem, name: string, { id, aliases }: Advisory): boolean {
  return exemptions.some((each) => {
    if (each.advisory !== id && !aliases.includes(each.advisory)) return false;
    if (each.ecosystem !== undefined && each.ecosystem !== ecosystem) return false;
    return each.packages === undefined || each.packages.some((pattern) => matches(pattern, name));
  });
}
