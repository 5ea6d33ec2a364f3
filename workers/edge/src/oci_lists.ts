// Answers requests for lists of tags and of referrers. A response has the part of the list that the client requests,
// and a link to the next part.
//
// Source: OCI Distribution Specification 1.1, "Listing Tags" and "Listing Referrers".

import { isListed } from "./conditions";
import { sha256 } from "./digest";
import type { ListQuery } from "./oci";

const INDEX = "application/vnd.oci.image.index.v1+json";
// The maximum size of a list of referrers in bytes. Clients should accept manifests of at least this size, 4 MiB
// ("Pushing Manifests").
const INDEX_BYTES = 4 << 20;

interface Descriptor {
  digest: string;
  artifactType?: string;
}

interface Part {
  content: unknown;
  headers: Record<string, string>;
}

/**
 * Returns the response to a request for a list of tags or referrers. `whole` is the response with the stored list, or
 * undefined when the origin has no list.
 */
export async function listResponse(
  request: Request,
  name: string,
  query: ListQuery,
  whole: Response | undefined,
): Promise<Response> {
  const stored: unknown = whole === undefined ? { schemaVersion: 2, mediaType: INDEX, manifests: [] } : await whole.json();
  const part = isTagList(stored) ? tagPart(name, query, stored.tags) : referrerPart(request.url, query, stored);
  const text = JSON.stringify(part.content);
  const body = new TextEncoder().encode(text);
  const etag = `"${sha256(text)}"`;
  const headers = new Headers(whole?.headers ?? { "cache-control": "no-store", "content-type": INDEX });
  for (const name of ["accept-ranges", "content-range", "last-modified"]) headers.delete(name);
  for (const [header, value] of Object.entries(part.headers)) headers.set(header, value);
  headers.set("docker-distribution-api-version", "registry/2.0");
  headers.set("etag", etag);
  if (isListed(request.headers.get("if-none-match") ?? "", etag)) {
    headers.delete("content-length");
    return new Response(null, { status: 304, headers });
  }
  headers.set("content-length", String(body.length));
  return new Response(request.method === "HEAD" ? null : body, { headers });
}

function isTagList(stored: unknown): stored is { tags: string[] } {
  return Array.isArray((stored as { tags?: unknown }).tags);
}

/**
 * Returns at most `limit` tags after the tag `last`, in the order that the OCI Distribution Specification requires. A
 * limit of zero returns no tags. The function sorts the tags, because earlier releases of the registry stored lists of
 * tags in another order.
 */
function tagPart(name: string, { limit, last }: ListQuery, tags: readonly string[]): Part {
  const sorted = [...tags].sort(inOrder);
  const after = last ? sorted.filter((tag) => inOrder(tag, last) > 0) : sorted;
  const shown = limit === undefined ? after : after.slice(0, limit);
  const end = shown.at(-1);
  if (end === undefined || shown.length === after.length) return { content: { name, tags: shown }, headers: {} };
  const next = new URLSearchParams({ n: String(limit), last: end });
  return { content: { name, tags: shown }, headers: { link: `</v2/${name}/tags/list?${next}>; rel="next"` } };
}

/** Compares two tags case-insensitively. If the tags differ only in case, compares them case-sensitively. */
function inOrder(a: string, b: string): number {
  const [left, right] = a.toLowerCase() === b.toLowerCase() ? [a, b] : [a.toLowerCase(), b.toLowerCase()];
  return left < right ? -1 : Number(left > right);
}

/**
 * Returns a part of a list of referrers. The part has only referrers of the requested types, and only those after the
 * digest `last`. It has as many of them as fit into one image index.
 */
function referrerPart(url: string, { last, artifactTypes }: ListQuery, stored: unknown): Part {
  const { manifests, ...index } = stored as { manifests: Descriptor[] };
  const headers: Record<string, string> = artifactTypes.length > 0 ? { "oci-filters-applied": "artifactType" } : {};
  const wanted = manifests
    .filter(({ artifactType }) => artifactTypes.length === 0 || artifactTypes.includes(artifactType ?? ""))
    .filter(({ digest }) => !last || digest > last);
  const shown = fitting(wanted);
  const end = shown.at(-1);
  if (end !== undefined && shown.length < wanted.length) {
    const next = new URL(url);
    next.searchParams.set("last", end.digest);
    headers["link"] = `<${next.pathname}${next.search}>; rel="next"`;
  }
  return { content: { ...index, manifests: shown }, headers };
}

function fitting(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  // the number of bytes left for `manifests`; the other fields of the image index get 1 KiB
  let left = INDEX_BYTES - 1024;
  const size = (descriptor: Descriptor): number => new TextEncoder().encode(`${JSON.stringify(descriptor)},`).length;
  const end = descriptors.findIndex((descriptor) => (left -= size(descriptor)) < 0);
  return end < 0 ? descriptors : descriptors.slice(0, Math.max(end, 1));
}
