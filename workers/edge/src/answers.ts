// Answers that the edge gives itself, each in the form that the ecosystem's clients read.

import type { Ecosystem } from "./routes";

const OCI_CODES: Record<number, string> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "NAME_UNKNOWN",
  405: "UNSUPPORTED",
  410: "MANIFEST_UNKNOWN",
};

/** An error with the ecosystem's own body. */
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

/** 401 with the challenge that makes the ecosystem's clients send what they have. */
export function unauthorized(ecosystem: Ecosystem | undefined, hostname: string, scope?: string): Response {
  const challenge =
    ecosystem === "oci"
      ? `Bearer realm="https://${hostname}/token",service="${hostname}"${scope === undefined ? "" : `,scope="${scope}"`}`
      : `Basic realm="${hostname}"`;
  return failure(ecosystem, 401, "a valid token is needed", { "www-authenticate": challenge });
}
