// Grants have the form `<ecosystem>:<name pattern>:<pull|push>`. A `*` in the pattern matches any run of characters.

import type { Ecosystem } from "./routes";

/** Returns whether one of the grants allows the action on the canonical name. A malformed grant allows nothing. */
export function allows(grants: readonly string[], ecosystem: Ecosystem, name: string, action: "pull" | "push"): boolean {
  const [start, end] = [`${ecosystem}:`, `:${action}`];
  return grants.some((grant) => {
    if (grant.length < start.length + end.length || !grant.startsWith(start) || !grant.endsWith(end)) return false;
    return matches(grant.slice(start.length, -end.length), name);
  });
}

/**
 * Returns whether a glob matches the name. The function does not backtrack: each `*` costs time linear in the length of
 * the name, so no pattern is slow.
 */
export function matches(pattern: string, name: string): boolean {
  if (!pattern.includes("*")) return pattern === name;
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.pop() ?? "";
  if (!name.startsWith(head) || name.length < head.length + tail.length || !name.endsWith(tail)) return false;
  let at = head.length;
  const end = name.length - tail.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
