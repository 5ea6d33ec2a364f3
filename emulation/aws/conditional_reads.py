"""Makes the emulated S3 evaluate the preconditions of GetObject and HeadObject in the order of the HTTP standard.

The standard ignores `If-Modified-Since` in a request that also has `If-None-Match`. moto 5.2 checks each header alone.
If a document is published twice within a second, its ETag changes and its date does not. moto would then answer 304,
and caches would keep the older version.

Source: Amazon S3 API Reference, "GetObject"; RFC 7232, section 6.
"""

from __future__ import annotations

from typing import Any, cast

from moto.s3.responses import S3Response

_respond: Any = cast(Any, S3Response).key_response


def key_response(response: Any, request: Any, full_url: str, headers: Any) -> Any:
    """Replaces `S3Response.key_response`. If a read has an ETag and a date as preconditions, the new method ignores the
    date.
    """
    if request.method in ("GET", "HEAD"):
        # `request.headers` is read-only, so this code changes the WSGI environment, from which `request.headers` reads
        environ = request.headers.environ
        for by_etag, by_date in (("NONE_MATCH", "MODIFIED_SINCE"), ("MATCH", "UNMODIFIED_SINCE")):
            if f"HTTP_IF_{by_etag}" in environ:
                environ.pop(f"HTTP_IF_{by_date}", None)
    return _respond(response, request, full_url, headers)


def patch_conditional_reads() -> None:
    """Makes moto ignore preconditions by date in read requests that also have preconditions by ETag."""
    cast(Any, S3Response).key_response = key_response
