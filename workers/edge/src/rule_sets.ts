// Combines the edge policy with the advisories. The result is a set of rules that decides which artifacts of a package
// a client may get.

import { advisoriesOf, type DataSet, dataSetWith, type Advisory, type Level, type PackageAdvisories } from "./advisories";
import { rulesFor } from "./filtering";
import { matches } from "./grants";
import { groupOf, policyOf } from "./groups";
import { type NamedPolicy, policyWith } from "./policies";
import { type Exemption, MALWARE_RULE, type Policy, type Rule } from "./policy";
import type { Ecosystem } from "./routes";
import type { Named, Read } from "./versioned_documents";

/**
 * The edge policy's rules for one group of principals, with a data set of advisories. `id` identifies the policy, the
 * group and the data set. The edge's cache keys contain this id. Two groups therefore never share a filtered document.
 */
export interface RuleSet {
  id: string;
  policy: Policy;
  dataSet: DataSet | undefined;
}

const NO_POLICY = "none";
const EMPTY: Policy = { rules: [], exemptions: [], experiments: [], operators: [] };
const SEVERITIES: readonly Level[] = ["low", "medium", "high", "critical"];

const expanded = new WeakMap<PackageAdvisories, WeakMap<Policy, readonly Rule[]>>();

/**
 * Returns the rule set (rules of the edge policy, with advisories) that applies to a principal, or undefined when there
 * is neither an edge policy nor a data set of advisories.
 */
export function ruleSetOf(
  named: NamedPolicy | undefined,
  dataSet: Named<DataSet> | undefined,
  principal: string,
): RuleSet | undefined {
  if (named === undefined && dataSet === undefined) return undefined;
  const { digest, policy } = named ?? { digest: NO_POLICY, policy: EMPTY };
  const group = groupOf(policy, principal);
  const id = digest + (dataSet === undefined ? "" : `.${dataSet.digest}`) + (group === 0 ? "" : `~${group.toString(16)}`);
  return { id, policy: policyOf(policy, group), dataSet: dataSet?.value };
}

/**
 * Returns the rule set (rules of the edge policy, with advisories) with this id. Throws `InvalidDocument` if the policy
 * or the data set of advisories is invalid. Throws `Unavailable` if the policy or the data set cannot be read.
 */
export async function ruleSetWith(id: string, read: Read): Promise<RuleSet> {
  const [documents = "", group = "0"] = id.split("~");
  const [digest = NO_POLICY, advisories] = documents.split(".");
  const [policy, dataSet] = await Promise.all([
    digest === NO_POLICY ? EMPTY : policyWith(digest, read),
    advisories === undefined ? undefined : dataSetWith(advisories, read),
  ]);
  return { id, policy: policyOf(policy, parseInt(group, 16)), dataSet };
}

/**
 * Returns the rules that allow or refuse artifacts of a package, in the order in which the rules apply. `read` fetches
 * the stored rules and advisories. Throws `Unavailable` when the package's advisories cannot be read.
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

/**
 * Replaces each rule that has a condition on severities by copies of the rule, one for each advisory that meets the
 * condition. A copy matches only the versions that its advisory affects. The rules for advisories about malware come
 * first.
 */
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

/**
 * Returns the advisories about vulnerabilities that meet a rule's condition on severities. A vulnerability of unknown
 * severity meets the condition, unless the rule has `allowsUnknown`.
 */
function concerned({ severity, allowsUnknown }: Rule, advisories: readonly Advisory[]): readonly Advisory[] {
  const least = SEVERITIES.indexOf(severity ?? "low");
  return advisories.filter(({ level }) =>
    level === "unknown" ? allowsUnknown !== true : level !== "malware" && SEVERITIES.indexOf(level) >= least,
  );
}

/** Returns a copy of a rule that matches only the versions that one advisory affects. */
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
