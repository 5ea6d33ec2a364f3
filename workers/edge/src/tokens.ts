// Who asks: from the Authorization header to a principal with grants. Fails closed: what cannot be read is no entry.

import { jwtVerify, SignJWT } from "jose";

import { ask, type MetadataApi } from "./metadata";

/** What the key-value store holds of a token, under `token:<sha256 hex>`. */
export interface Entitlement {
  principal: string;
  expires: number; // Unix time in seconds
  grants: readonly string[];
}

/** Neither store nor metadata API could tell: nobody can be let in, and nobody told that his token is wrong. */
export class Unavailable extends Error {}

/** Where entitlements are found: the edge's store, and what is asked where it has no entry. */
export interface Sources {
  store: KVNamespace;
  api: MetadataApi | undefined;
}

export const JWT_SECONDS = 60; // the shortest life that docker clients expect (distribution token specification)
const POSITIVE_MILLISECONDS = 2_000; // how long a revoked token may still work in an isolate that has seen it
const NEGATIVE_MILLISECONDS = 2_000;
const REMEMBERED = 10_000; // entries; a few MB of the isolate's 128

interface Remembered {
  entitlement: Entitlement | undefined;
  until: number;
}

const memory = new Map<string, Remembered>();

/** The digest of the credential in the header, or nothing where there is none that could be ours. */
export async function presentedDigest(header: string | null, key: string, service: string): Promise<string | undefined> {
  const [scheme = "", value = ""] = (header ?? "").split(/ +/, 2);
  if (value === "") return undefined;
  if (scheme.toLowerCase() === "basic") return passwordDigest(value);
  if (scheme.toLowerCase() !== "bearer") return undefined;
  return value.split(".").length === 3 ? jwtDigest(value, key, service) : sha256(value);
}

/** What the token with that digest is good for now: isolate memory, then the key-value store, then the metadata API. */
export async function entitlementOf(digest: string, sources: Sources, now: number): Promise<Entitlement | undefined> {
  const known = memory.get(digest);
  const entitlement = known !== undefined && known.until > now ? known.entitlement : await lookUp(digest, sources, now);
  return entitlement !== undefined && entitlement.expires * 1000 > now ? entitlement : undefined;
}

/** A JWT that stands for the token for a minute. It names the token's digest, and each use looks that up again. */
export async function sign(digest: string, principal: string, key: string, service: string): Promise<string> {
  return new SignJWT({ tid: digest })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(principal)
    .setAudience(service)
    .setIssuedAt()
    .setExpirationTime(`${JWT_SECONDS} s`)
    .sign(new TextEncoder().encode(key));
}

async function lookUp(digest: string, sources: Sources, now: number): Promise<Entitlement | undefined> {
  const text = await entryOf(digest, sources);
  const entitlement = text === undefined ? undefined : parse(text);
  if (memory.size >= REMEMBERED) memory.delete(memory.keys().next().value ?? "");
  const life = entitlement === undefined ? NEGATIVE_MILLISECONDS : POSITIVE_MILLISECONDS;
  memory.set(digest, { entitlement, until: now + life });
  return entitlement;
}

/** The store's entry, also one that says that the token is revoked; without one, what the database has on record. */
async function entryOf(digest: string, { store, api }: Sources): Promise<string | undefined> {
  let text: string | null = null;
  try {
    text = await store.get(`token:${digest}`, { cacheTtl: 30 });
  } catch {
    if (api === undefined) throw new Unavailable();
  }
  if (text !== null) return text;
  if (api === undefined) return undefined;
  const answer = await ask(api, digest);
  if (answer === "unknown") throw new Unavailable();
  return answer;
}

function parse(text: string): Entitlement | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof entry !== "object" || entry === null) return undefined;
  const { version, principal, expires, grants } = entry as Record<string, unknown>;
  if (version !== 1 || typeof principal !== "string" || typeof expires !== "number" || !Array.isArray(grants)) {
    return undefined;
  }
  return { principal, expires, grants: grants.filter((grant) => typeof grant === "string") };
}

async function passwordDigest(encoded: string): Promise<string | undefined> {
  let decoded: string;
  try {
    decoded = atob(encoded);
  } catch {
    return undefined;
  }
  const colon = decoded.indexOf(":");
  const password = decoded.slice(colon + 1);
  return colon < 0 || password === "" ? undefined : sha256(password);
}

async function jwtDigest(token: string, key: string, service: string): Promise<string | undefined> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(key), {
      algorithms: ["HS256"],
      audience: service,
      requiredClaims: ["exp", "sub"],
    });
    return typeof payload["tid"] === "string" ? payload["tid"] : undefined;
  } catch {
    return undefined;
  }
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
