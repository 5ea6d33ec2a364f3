// Error responses to authenticated requests for objects.

import { failure, ociFailure } from "./answers";
import { matches } from "./grants";
import type { ObjectRoute } from "./routes";

/** Returns the error for an object that no shield (a regional cache) could deliver. */
export function withoutShield({ ecosystem }: ObjectRoute): Response {
  return failure(ecosystem, 502, "no shield could answer", { "retry-after": "1" });
}

/**
 * Returns the error for a client whose token has no grant for the package. The error does not depend on whether the
 * package exists.
 *
 * For the page of a Python project, the status is 404, because uv tries its next index only after 404. The exceptions
 * are the projects whose names the stack's config reserves (`edge.reserved_python_names`): no other index may provide
 * them. For these projects and in all other cases, the status is 403.
 */
export function withoutGrant(wanted: ObjectRoute, reservedNames = "[]"): Response {
  const isProject = wanted.key.startsWith("pypi/simple/") && wanted.name !== "*";
  if (isProject && !isReserved(wanted.name, reservedNames)) {
    return failure(wanted.ecosystem, 404, `${wanted.name}: no such project, or this token does not allow pulling it`);
  }
  return failure(wanted.ecosystem, 403, `this token does not allow pulling ${wanted.name}`);
}

function isReserved(name: string, patterns: string): boolean {
  return (JSON.parse(patterns) as string[]).some((pattern) => matches(pattern, name));
}

/** Returns the error for an object that does not exist (404) or was withdrawn (410). */
export function absent({ ecosystem, name, absent: code }: ObjectRoute, status: 404 | 410, why: string): Response {
  const message = `${name}: ${why}`;
  return code === undefined ? failure(ecosystem, status, message) : ociFailure(status, code, message);
}
