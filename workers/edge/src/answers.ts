// Error responses of the edge worker, in the format that each ecosystem's clients expect.

import type { OciCode } from "./oci";
import type { Ecosystem } from "./routes";

// OCI error codes by HTTP status, for errors without a more specific code.
const OCI_CODES: Record<number, OciCode> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "UNSUPPORTED",
  405: "UNSUPPORTED",
  429: "TOOMANYREQUESTS",
};

const UNCACHED = { "cache-control": "no-store" };

/** Returns an error response with a body in the ecosystem's format: JSON for OCI and npm, plain text otherwise. */
export function failure(
  ecosystem: Ecosystem | undefined,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  const always = { ...UNCACHED, ...headers };
  if (ecosystem === "oci") {
    return ociFailure(status, OCI_CODES[status] ?? "UNKNOWN", message, headers);
  }
  if (ecosystem === "npm") return Response.json({ error: message }, { status, headers: always });
  return new Response(`${message}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...always } });
}

/** Returns an error response with a code of the OCI Distribution Specification. */
export function ociFailure(
  status: number,
  code: OciCode | "UNKNOWN",
  message: string,
  headers: Record<string, string> = {},
): Response {
  const api = { "docker-distribution-api-version": "registry/2.0" };
  return Response.json({ errors: [{ code, message, detail: null }] }, { status, headers: { ...api, ...UNCACHED, ...headers } });
}

/** The parameters of a WWW-Authenticate challenge, except for the realm. */
export interface Challenge {
  /** The scope that the client must request from the token endpoint, such as `repository:team/app:pull`. */
  scope?: string | undefined;
  /** The error code of RFC 6750, section 3.1. Absent when the client sent no Bearer credential. */
  error?: "invalid_token" | "insufficient_scope" | undefined;
}

/** Returns a 401 response with the challenge that makes the ecosystem's clients send their credentials. */
export function unauthorized(ecosystem: Ecosystem, hostname: string, challenge: Challenge = {}): Response {
  const header = ecosystem === "oci" ? tokenChallenge(hostname, challenge) : plainChallenges(ecosystem, hostname, challenge);
  return failure(ecosystem, 401, "a valid token is needed", { "www-authenticate": header });
}

/** Returns the token endpoint's 401 response, in the format that image clients print. */
export function tokenRefused(hostname: string): Response {
  return failure("oci", 401, "a valid token is needed", { "www-authenticate": `Basic realm="${hostname}"` });
}

function tokenChallenge(hostname: string, { scope, error }: Challenge): string {
  const parameters = { realm: `https://${hostname}/token`, service: hostname, scope, error };
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return `Bearer ${given.map(([name, value]) => `${name}="${value}"`).join(",")}`;
}

/**
 * Returns the challenges of a 401 response for npm and pip. The challenges for npm offer both Basic and Bearer, because
 * npm sends either kind of credential. The error message of npm depends on the schemes in the challenges.
 */
function plainChallenges(ecosystem: Ecosystem, hostname: string, { error }: Challenge): string {
  const basic = `Basic realm="${hostname}"`;
  if (ecosystem !== "npm" && error === undefined) return basic;
  return `${basic}, Bearer realm="${hostname}"${error === undefined ? "" : `, error="${error}"`}`;
}
