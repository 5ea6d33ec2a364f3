// Grants have the form `<ecosystem>:<name pattern>:<pull|push>`. A `*` in the pattern matches any run of characters.

import type { Ecosystem } from "./routes";

/** Returns whether one of the grants allows the action on the canonical name. A malformed grant allows nothing. */
export function allows(grants: readonly string[], ecosystem: Ecosystem, name: string, action: "pull" | "push"): boolean {
  return grants.some((grant) => {
    const first = grant.indexOf(":");
    const last = grant.lastIndexOf(":");
    if (first < 0 || last <= first) return false;
    if (grant.slice(0, first) !== ecosystem || grant.slice(last + 1) !== action) return false;
    return matches(grant.slice(first + 1, last), name);
  });
}

/**
 * Returns whether a glob matches the name. The function does not backtrack: each `*` costs time linear in the length of
 * the name, so no pattern is slow.
 */
export function matches(pattern: string, name: string): boolean {
  const [head = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return pattern === name;
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
