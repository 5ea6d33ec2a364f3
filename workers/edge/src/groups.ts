// Groups principals by the rules of the edge policy that concern them. The worker hides the same artifacts from all
// principals of a group. The edge's cache therefore keeps one copy of a document for each group.

import { matches } from "./grants";
import type { Policy, Rule } from "./policy";

/**
 * A group of principals, as a bit mask. Each rule of the edge policy with the field `principals` has one bit, in the
 * order of the rules. The bit is 1 if the rule concerns the principals of the group.
 */
export type Group = number;

const policies = new WeakMap<Policy, Map<Group, Policy>>();

/**
 * Returns the group of a principal. Two principals are in the same group if the same rules of the edge policy name them
 * in the field `principals`.
 */
export function groupOf(policy: Policy, principal: string): Group {
  const concerns = naming(policy).map(({ principals = [] }) => principals.some((pattern) => matches(pattern, principal)));
  return concerns.reduce((group, isConcerned, bit) => (isConcerned ? group | (1 << bit) : group), 0);
}

/**
 * Returns an edge policy with only the rules that concern a group. These are the rules for all principals, and the
 * rules that name the group's principals.
 */
export function policyOf(policy: Policy, group: Group): Policy {
  const named = naming(policy);
  if (named.length === 0) return policy;
  const known = policies.get(policy) ?? new Map<Group, Policy>();
  policies.set(policy, known);
  const found = known.get(group) ?? { ...policy, rules: policy.rules.filter((rule) => concerns(rule, named, group)) };
  known.set(group, found);
  return found;
}

function naming({ rules }: Policy): readonly Rule[] {
  return rules.filter(({ principals }) => principals !== undefined);
}

function concerns(rule: Rule, named: readonly Rule[], group: Group): boolean {
  const bit = named.indexOf(rule);
  return bit < 0 || (group & (1 << bit)) !== 0;
}
