"""A client that pulls from image registries: tags, manifests, referrers, blobs (OCI Distribution Specification 1.1)."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
from pydantic import ValidationError

from registry import RegistryError
from registry.ecosystems.images import DIGEST, INDEX
from registry.ecosystems.manifests import (
    INDEXES,
    MANIFESTS,
    Descriptor,
    attached_tags,
    digest_of,
    media_type_of,
    referrers_tag,
)
from registry.importing.images import RemoteImage
from registry.importing.images.challenge import Challenged
from registry.importing.images.credentials import credentials_of
from registry.importing.retries import repeated

_ACCEPTED = ", ".join((*MANIFESTS, *INDEXES))
# The media types of Docker schema 1, an old manifest format, begin with this prefix, and end with `json` or
# `prettyjws`.
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
_DIGEST = re.compile(DIGEST)
# The suffixes that tags of signatures, attestations and SBOMs have. If a registry refuses to list its tags, the import
# tries tags with these suffixes.
_ATTACHED = (".sig", ".att", ".sbom")
# A registry without the referrers API answers a request for referrers with one of these statuses. A registry that does
# not know the path answers 404, or an error such as 400. A proxy refuses the path or the method. Harbor before 2.8
# answers 401 (goharbor/harbor#18305). A missing permission cannot be the reason, because the client has just read the
# manifest.
_NO_REFERRERS = (400, 401, 403, 404, 405, 406, 501)
# Some proxies in front of registries refuse HEAD requests with these statuses. The import then sends a GET request.
_NO_HEAD = (405, 501)
# If a download breaks off, the import requests the missing bytes. Some storage hosts refuse this request with one of
# these statuses. The import then starts the download again from its first byte.
_NO_CONTINUATION = (400, 412, 416)
_TAGS_A_PAGE = 1000
# The maximum size of an answer that the import reads into memory. Manifests have at most 4 MiB. Some registries send
# the whole list of a repository's tags in one answer.
_MOST_BYTES = 64 << 20

_Answer = TypeVar("_Answer")


class Absent(RegistryError):
    """Raised when the registry that images are imported from does not have a manifest or a blob."""


@dataclass(frozen=True)
class Fetched:
    """A manifest or an image index with its exact bytes and its descriptor."""

    body: bytes
    descriptor: Descriptor


class SourceRepository:
    """A client of one image repository in the source registry of an import.

    Methods retry after network errors, status 429 and status 5xx. They raise RegistryError when the request still
    fails.
    """

    def __init__(self, http: httpx.Client, image: RemoteImage) -> None:
        registry = httpx.URL(image.registry)
        host = registry.netloc.decode()
        self._http = http
        self._title = f"{image.registry}/{image.repository}"
        self._base = f"{image.registry}/v2/{image.repository}"
        self._auth = Challenged(registry, image.repository, lambda: credentials_of(host, image.repository))
        self._lock = threading.Lock()
        # The tags of the repository that contain a digest. Such a tag begins with `sha256-` or `sha512-`. None until
        # the client has listed the tags.
        self._listed: list[str] | None = None
        self._lists_tags = True  # False if the registry has refused to list the repository's tags
        self._lists_referrers = True  # False if the registry has answered that it lacks the referrers API

    def tags(self) -> Iterator[str]:
        for answer in self._pages(f"{self._base}/tags/list?n={_TAGS_A_PAGE}"):
            yield from _list(answer, "tags", str)

    def digest(self, tag: str) -> str:
        """Returns the digest of a tag's manifest.

        The client sends a HEAD request first, because registries do not count it as a pull. If the answer has no
        digest, or if the registry refuses HEAD requests, the client fetches the manifest.
        """
        answer = self._get(f"{self._base}/manifests/{tag}", "HEAD", allowed=_NO_HEAD)
        digest = "" if answer.status_code in _NO_HEAD else answer.headers.get("docker-content-digest", "")
        return digest if _DIGEST.fullmatch(digest) else self.manifest(tag).descriptor.digest

    def manifest(self, reference: str) -> Fetched:
        """Fetches an image manifest by tag or digest. Raises RegistryError if the content does not match the digest."""
        answer = self._get(f"{self._base}/manifests/{reference}")
        body, title = answer.content, f"{self._title} {reference}"
        stated = answer.headers.get("docker-content-digest", "")
        like = reference if ":" in reference else stated if _DIGEST.fullmatch(stated) else "sha256:"
        digest = digest_of(body, like)
        if ":" in reference and digest != reference:
            raise RegistryError(f"{title}: the content has another digest, {digest}; it was not imported")
        kind = media_type_of(body, answer.headers.get("content-type", "").partition(";")[0].strip())
        if kind.startswith(_SCHEMA_1) or _is_schema_1(body):
            raise RegistryError(
                f"{title}: is an image of Docker schema 1, deprecated since 2017, whose digest cannot be kept; "
                "push the image again with a current client"
            )
        return Fetched(body, Descriptor(mediaType=kind, digest=digest, size=len(body)))

    def referrers(self, digest: str) -> Iterator[Descriptor]:
        """Yields the descriptors of a manifest's referrers.

        In a registry without the referrers API, the list of referrers is stored under a tag. The tag contains the
        manifest's digest. Clients that push referrers maintain this list (OCI Distribution Specification, "Referrers
        Tag Schema").
        """
        url = f"{self._base}/referrers/{digest}" if self._lists_referrers else ""
        for answer in self._pages(url, accept=INDEX, allowed=_NO_REFERRERS):
            if answer.status_code in _NO_REFERRERS or _is_page(answer):
                self._lists_referrers = False
                break
            yield from self._descriptors(answer)
        if not self._lists_referrers:
            answer = self._get(f"{self._base}/manifests/{referrers_tag(digest)}", allowed=(404,))
            # The answer should be a list of the manifest's referrers, but GitLab's registry returns the manifest itself
            # (oras-project/oras-go#1396). The import therefore ignores an answer with the manifest's own digest.
            if answer.status_code != 404 and digest_of(answer.content, digest) != digest:
                yield from self._descriptors(answer)

    def attached(self, digest: str) -> list[tuple[str, str]]:
        """Returns the signatures, attestations and SBOMs whose tag contains the manifest's digest. The result contains
        the digest and the tag of each.

        The client lists the tags of the repository once. If the registry refuses to list its tags, the client tries the
        usual tags of signatures, attestations and SBOMs.
        """
        prefix = digest.replace(":", "-")
        with self._lock:
            if self._listed is None:
                try:
                    self._listed = [tag for tag in self.tags() if tag.startswith(("sha256-", "sha512-"))]
                except RegistryError:
                    self._listed = []
                    self._lists_tags = False
        if self._lists_tags:
            return [(self.digest(tag), tag) for tag in attached_tags(digest, self._listed)]
        there = [tag for suffix in _ATTACHED if self._has(tag := f"{prefix}{suffix}")]
        return [(self.digest(tag), tag) for tag in there]

    def _has(self, tag: str) -> bool:
        url, absent = f"{self._base}/manifests/{tag}", (404,)
        answer = self._get(url, "HEAD", allowed=(*absent, *_NO_HEAD))
        answer = self._get(url, allowed=absent) if answer.status_code in _NO_HEAD else answer
        return answer.status_code == 200

    def blob(self, digest: str, size: int, file: Path) -> None:
        """Downloads a blob to `file`, and checks the blob's size and digest. After a broken connection, the download
        continues where it ended.
        """

        def attempt() -> None:
            have = file.stat().st_size if file.exists() else 0
            if have == size > 0:
                return
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
            url = f"{self._base}/blobs/{digest}"
            with self._http.stream("GET", url, headers=headers, auth=self._auth) as answer:
                if have and not _continues(answer, have):
                    file.unlink()
                    raise httpx.RemoteProtocolError("the storage host does not continue the download")
                answer.raise_for_status()
                # Some hosts declare a content coding for a compressed layer. The client must not decode the layer,
                # because the digest is the digest of the compressed layer.
                answer.headers.pop("Content-Encoding", None)
                with file.open("ab" if answer.status_code == 206 else "wb") as target:
                    for chunk in answer.iter_bytes():
                        target.write(chunk)
                        if target.tell() > size:
                            raise RegistryError(
                                f"{self._title} {digest}: is longer than {size} bytes, the size in its descriptor"
                            )

        self._tried(f"{self._title} {digest}", attempt)
        actual = digest_of(file, digest)
        if actual != digest:
            raise RegistryError(f"{self._title} {digest}: the blob has another digest, {actual}; it was not imported")

    def _pages(self, url: str, *, accept: str = _ACCEPTED, allowed: Sequence[int] = ()) -> Iterator[httpx.Response]:
        """Requests the pages of a list, such as the tags of a repository, and yields the registry's responses. `url` is
        the URL of the first page. An empty URL yields no page.

        Raises RegistryError if a page links to an earlier page, because the list would never end.
        """
        seen = set[str]()
        while url:
            if url in seen:
                raise RegistryError(f"{url}: the list never ends, because a later page links to this page")
            seen.add(url)
            answer = self._get(url, accept=accept, allowed=allowed)
            yield answer
            url = _next(answer)

    def _get(
        self, url: str, method: str = "GET", *, accept: str = _ACCEPTED, allowed: Sequence[int] = ()
    ) -> httpx.Response:
        """Sends a request to the registry, and returns the answer. An answer with a status of 400 or more is an error,
        unless `allowed` contains the status.

        Retries transient failures. Raises RegistryError when the request still fails, or if the answer is too long.
        """

        def attempt() -> httpx.Response:
            with self._http.stream(method, url, headers={"Accept": accept}, auth=self._auth) as streamed:
                answer = _read(streamed)
            if answer.status_code not in allowed:
                answer.raise_for_status()
            return answer

        return self._tried(url, attempt)

    def _tried(self, title: str, attempt: Callable[[], _Answer]) -> _Answer:
        try:
            return repeated(attempt)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            kind = Absent if _status(error) == 404 else RegistryError
            raise kind(f"{title}: cannot be fetched: {_reason(error)}") from None

    def _descriptors(self, answer: httpx.Response) -> Iterator[Descriptor]:
        each: Any
        for each in cast(list[Any], _list(answer, "manifests", dict)):
            try:
                yield Descriptor.model_validate(each)
            except ValidationError:
                raise RegistryError(f"{answer.request.url}: lists {each!r}, which is not a descriptor") from None


def _read(streamed: httpx.Response) -> httpx.Response:
    """Reads an answer into memory. Raises RegistryError if the answer has more than _MOST_BYTES."""
    body = bytearray()
    for chunk in streamed.iter_bytes():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise RegistryError(f"{streamed.request.url}: the answer is longer than {_MOST_BYTES} bytes")
    headers = streamed.headers.copy()
    headers.pop("Content-Encoding", None)  # `iter_bytes` has decoded the body
    return httpx.Response(streamed.status_code, headers=headers, content=bytes(body), request=streamed.request)


def _list(answer: httpx.Response, name: str, kind: type[_Answer]) -> list[_Answer]:
    """Returns the list in one field of an image registry's JSON answer. `name` is the field's name. Some registries
    send null in place of an empty list. For null, the function returns an empty list.

    Raises RegistryError when the answer is not a JSON object, or when the items are not all of type `kind`.
    """
    try:
        found: Any = answer.json()
        listed: Any = found.get(name) or []
    except (ValueError, AttributeError):
        raise RegistryError(f"{answer.request.url}: the answer is not a JSON object") from None
    if not isinstance(listed, list) or not all(isinstance(each, kind) for each in cast(list[Any], listed)):
        raise RegistryError(f"{answer.request.url}: `{name}` in the answer is not a list of the expected type")
    return cast(list[_Answer], listed)


def _next(answer: httpx.Response) -> str:
    """Returns the URL of a list's next page, which the Link header contains (RFC 8288). Returns an empty string on the
    last page.

    The path and the query of the URL come from the link. The scheme and the host come from the request, because some
    registries behind a proxy name a wrong scheme or host in the link (google/go-containerregistry#2332).
    """
    link, here = answer.links.get("next", {}).get("url", ""), answer.request.url
    return str(here.join(link).copy_with(scheme=here.scheme, netloc=here.netloc)) if link else ""


def _is_page(answer: httpx.Response) -> bool:
    """Returns whether a registry answered with a web page. Some proxies in front of registries do this for unknown
    paths.
    """
    return answer.headers.get("content-type", "").lower().startswith("text/html")


def _is_schema_1(body: bytes) -> bool:
    """Returns whether a manifest is Docker schema 1, which some registries send as application/json."""
    try:
        manifest: Any = json.loads(body)
        return manifest.get("schemaVersion") == 1
    except (ValueError, AttributeError):
        return False


def _continues(answer: httpx.Response, have: int) -> bool:
    """Returns whether a response contains the rest of a blob. The client already has the first `have` bytes.

    Returns False if the storage host refuses to send the rest, or sends another part. The client then deletes its bytes
    and starts the download again.
    """
    if answer.status_code != 206:
        return answer.status_code not in _NO_CONTINUATION
    stated = answer.headers.get("content-range", "")
    return not stated or stated.startswith(f"bytes {have}-")


def _status(error: httpx.HTTPError | httpx.InvalidURL) -> int:
    return error.response.status_code if isinstance(error, httpx.HTTPStatusError) else 0


def _reason(error: httpx.HTTPError | httpx.InvalidURL) -> str:
    """Returns the reason for a failed request: the status and the registry's error code, or the network error."""
    if not isinstance(error, httpx.HTTPStatusError):
        return str(error) or type(error).__name__
    status = str(error.response.status_code)
    if status == "401" and "www-authenticate" not in error.response.headers:
        return "401, and the registry offers no supported authentication scheme"
    try:
        found: Any = error.response.json()
        return f"{status} {found['errors'][0]['code']}"
    except (ValueError, LookupError, TypeError, httpx.StreamError):
        return status
