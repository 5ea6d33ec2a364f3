// Sessions of the token endpoint: short-lived JWTs, each bound to the repositories that its client requested. Source:
// CNCF Distribution, "Token Authentication Specification" and "Token Scope Documentation".

import { jwtVerify, SignJWT } from "jose";

import { allows } from "./grants";

/**
 * A session: the repositories that a client may pull, and the digest of the token that the client exchanged for the
 * session. For each request with the session, the worker looks the token up again, so a revoked token ends its
 * sessions.
 */
export interface Session {
  digest: string;
  repositories: readonly string[];
}

export interface SignedSession {
  jwt: string;
  issuedAt: number; // when the session was issued, as Unix time in seconds
}

export const SESSION_SECONDS = 300;
// The maximum number of scopes that the JWT of a session covers. The JWT names the repository of each scope, and
// clients send it in a header. Servers accept only headers of a few KB.
const SCOPES_MAX = 100;

/**
 * Returns the repositories that the requested scopes name and that the grants allow to pull. A scope that the grants do
 * not allow is left out without an error, as the specification requires.
 */
export function granted(scopes: readonly string[], grants: readonly string[]): string[] {
  const names = scopes.flatMap((scope) => scope.split(" ")).slice(0, SCOPES_MAX).map(repositoryOf);
  return [...new Set(names)].filter((name) => name !== undefined).filter((name) => allows(grants, "oci", name, "pull"));
}

/** Returns the name in a scope `repository:<name>:<actions>` that includes pull. The name may contain a colon. */
function repositoryOf(scope: string): string | undefined {
  const [, name, actions = ""] = /^repository(?:\([a-z0-9]+\))?:(.+):([a-z*,]*)$/.exec(scope) ?? [];
  return actions.split(",").some((action) => action === "pull" || action === "*") ? name : undefined;
}

/** Returns the scope that a client needs to pull from the repository. */
export function scopeOf(repository: string): string {
  return `repository:${repository}:pull`;
}

/** Returns a signed JWT for the session, valid for SESSION_SECONDS. */
export async function signed(session: Session, principal: string, key: string, service: string): Promise<SignedSession> {
  const issuedAt = Math.floor(Date.now() / 1000);
  const access = session.repositories.map((name) => ({ type: "repository", name, actions: ["pull"] }));
  const jwt = await new SignJWT({ tid: session.digest, access })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(principal)
    .setAudience(service)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + SESSION_SECONDS)
    .sign(new TextEncoder().encode(key));
  return { jwt, issuedAt };
}

/**
 * Verifies the JWT of a session. Returns the digest of the client's token, and the repositories that the client may
 * pull. Returns undefined if the JWT is invalid or has expired.
 */
export async function verified(jwt: string, key: string, service: string): Promise<Session | undefined> {
  try {
    const { payload } = await jwtVerify(jwt, new TextEncoder().encode(key), {
      algorithms: ["HS256"],
      audience: service,
      requiredClaims: ["exp", "sub"],
    });
    if (typeof payload["tid"] !== "string") return undefined;
    return { digest: payload["tid"], repositories: pullable(payload["access"]) };
  } catch {
    return undefined;
  }
}

function pullable(access: unknown): string[] {
  if (!Array.isArray(access)) return [];
  return access
    .map((entry) => entry as { type?: unknown; name?: unknown; actions?: unknown } | null)
    .filter((entry) => entry?.type === "repository" && Array.isArray(entry.actions) && entry.actions.includes("pull"))
    .map((entry) => entry?.name)
    .filter((name) => typeof name === "string");
}
