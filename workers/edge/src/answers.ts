// Error responses of the edge worker, in the format that each ecosystem's clients expect.

import type { Ecosystem } from "./routes";

const OCI_CODES: Record<number, string> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "NAME_UNKNOWN",
  405: "UNSUPPORTED",
  410: "MANIFEST_UNKNOWN",
};

/** Returns an error response with a body in the ecosystem's format: JSON for OCI and npm, plain text otherwise. */
export function failure(
  ecosystem: Ecosystem | undefined,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  const always = { "cache-control": "no-store", ...headers };
  if (ecosystem === "oci") {
    const code = OCI_CODES[status] ?? "UNKNOWN";
    const api = { "docker-distribution-api-version": "registry/2.0" };
    return Response.json({ errors: [{ code, message, detail: null }] }, { status, headers: { ...api, ...always } });
  }
  if (ecosystem === "npm") return Response.json({ error: message }, { status, headers: always });
  return new Response(`${message}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...always } });
}

/** Returns a 401 response with the challenge on which the ecosystem's clients send their credentials. */
export function unauthorized(ecosystem: Ecosystem | undefined, hostname: string, scope?: string): Response {
  const challenge =
    ecosystem === "oci"
      ? `Bearer realm="https://${hostname}/token",service="${hostname}"${scope === undefined ? "" : `,scope="${scope}"`}`
      : `Basic realm="${hostname}"`;
  return failure(ecosystem, 401, "a valid token is needed", { "www-authenticate": challenge });
}
