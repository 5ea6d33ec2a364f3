// Reads the credential of a request: a token, or a session that the token endpoint issued.

import { sha256 } from "./digest";
import { type Session, verified } from "./sessions";

export type Credential =
  | { kind: "none" }
  | { kind: "token"; digest: string }
  | ({ kind: "session" } & Session)
  | { kind: "invalid" };

// Matches credentials as in RFC 9110, section 11.2: a scheme, spaces and a token68. No text may follow the token68.
const CREDENTIALS = /^(Basic|Bearer) +([A-Za-z0-9\-._~+/]+=*)$/i;

/** Returns the credential in the Authorization header. A header with more text after the credential is invalid. */
export async function credentialOf(header: string | null, key: string, service: string): Promise<Credential> {
  if (header === null) return { kind: "none" };
  const [, scheme = "", value = ""] = CREDENTIALS.exec(header) ?? [];
  if (scheme.toLowerCase() === "basic") return ofSecret(secretOf(value));
  if (scheme === "") return { kind: "invalid" };
  if (value.split(".").length !== 3) return ofSecret(value);
  const session = await verified(value, key, service);
  return session === undefined ? { kind: "invalid" } : { kind: "session", ...session };
}

/**
 * Returns the credential for the token with the value `secret`. The function does not recognize sessions, which are the
 * signed JWTs of the token endpoint, and treats a session as a token. The edge grants such a credential nothing,
 * because no stored token has the digest of a session.
 */
export function ofSecret(secret: string | undefined): Credential {
  return secret ? tokenWith(sha256(secret)) : { kind: "invalid" };
}

/** Returns the credential for the token with the given digest. */
export function tokenWith(digest: string): Credential {
  return { kind: "token", digest };
}

/** Returns whether an Authorization header uses the Bearer scheme. The credential in the header need not be valid. */
export function isBearer(header: string | null): boolean {
  return /^bearer(?: |$)/i.test(header ?? "");
}

/**
 * Returns the password of Basic credentials (RFC 7617). Where the password is empty, returns the user name, because pip
 * sends the token of `https://<token>@host/` as the user.
 */
function secretOf(encoded: string): string | undefined {
  let decoded: string;
  try {
    decoded = atob(encoded);
  } catch {
    return undefined;
  }
  const colon = decoded.indexOf(":");
  if (colon < 0) return undefined;
  return decoded.slice(colon + 1) || decoded.slice(0, colon);
}
