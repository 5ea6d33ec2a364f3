// The token endpoint for image clients: GET with Basic credentials, or POST with an OAuth 2.0 form.
// Specification: distribution, "Token Authentication Specification" and "OAuth2 Token Authentication".

import { failure, tokenRefused } from "./answers";
import { type Credential, credentialOf, ofSecret } from "./credentials";
import { granted, scopeOf, SESSION_SECONDS, signed } from "./sessions";
import type { Entitlement } from "./tokens";

export interface Issuer {
  key: string;
  service: string;
  entitlementOf: (digest: string) => Promise<Entitlement | undefined>;
  /**
   * Counts a request with an invalid token. Returns a 429 response if the client's address has sent too many such
   * requests.
   */
  failed: () => Promise<Response | undefined>;
}

interface SessionRequest {
  credential: Credential;
  scopes: readonly string[];
  refreshToken?: string;
}

const BODY_MAX = 16_384; // the maximum size of a form in bytes; a form with a token and a hundred scopes is smaller

/**
 * Returns the token endpoint's response: a session for the token that the request presents. The endpoint does not
 * accept a session as a credential, so a session cannot renew itself.
 */
export async function tokenAnswer(request: Request, issuer: Issuer): Promise<Response> {
  const wanted = request.method === "POST" ? await posted(request) : await queried(request, issuer);
  if (wanted instanceof Response) return wanted;
  const { credential, scopes, refreshToken } = wanted;
  const holder = credential.kind === "token" ? await issuer.entitlementOf(credential.digest) : undefined;
  if (credential.kind !== "token") return tokenRefused(issuer.service);
  if (holder === undefined) return (await issuer.failed()) ?? tokenRefused(issuer.service);
  const repositories = granted(scopes, holder.grants);
  const session = { digest: credential.digest, repositories };
  const { jwt, issuedAt } = await signed(session, holder.principal, issuer.key, issuer.service);
  const answer = {
    token: jwt,
    access_token: jwt,
    scope: repositories.map(scopeOf).join(" "),
    expires_in: SESSION_SECONDS,
    issued_at: new Date(issuedAt * 1000).toISOString(),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
  };
  return Response.json(answer, { headers: { "cache-control": "no-store" } });
}

async function queried(request: Request, { key, service }: Issuer): Promise<SessionRequest> {
  const credential = await credentialOf(request.headers.get("authorization"), key, service);
  return { credential, scopes: new URL(request.url).searchParams.getAll("scope") };
}

/**
 * Reads the form of a POST request. The refresh token in the form is the client's registry token, which an operator can
 * revoke.
 */
async function posted(request: Request): Promise<SessionRequest | Response> {
  const form = await formOf(request);
  if (form === undefined) return oauthError("invalid_request", "the body must be a URL-encoded form of at most 16 KB");
  const scopes = form.getAll("scope");
  const grantType = form.get("grant_type");
  const secret = form.get(grantType === "password" ? "password" : "refresh_token") ?? undefined;
  if (grantType !== "password" && grantType !== "refresh_token") {
    return oauthError("unsupported_grant_type", "grant_type must be password or refresh_token");
  }
  const kept = grantType === "refresh_token" || form.get("access_type") === "offline";
  return { credential: ofSecret(secret), scopes, ...(kept && secret ? { refreshToken: secret } : {}) };
}

async function formOf(request: Request): Promise<URLSearchParams | undefined> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded" || request.body === null) return undefined;
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body as ReadableStream<Uint8Array>) {
    size += part.byteLength;
    if (size > BODY_MAX) return undefined;
    parts.push(part);
  }
  return new URLSearchParams(await new Blob(parts).text());
}

/**
 * Returns an OAuth error response (RFC 6749, section 5.2). Its body also has the field `errors`, which image clients
 * print.
 */
function oauthError(error: string, description: string): Response {
  const answer = failure("oci", 400, description);
  const body = { error, error_description: description, errors: [{ code: "UNSUPPORTED", message: description, detail: null }] };
  return Response.json(body, { status: 400, headers: answer.headers });
}
