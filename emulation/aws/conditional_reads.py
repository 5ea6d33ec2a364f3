"""Makes the emulated S3 evaluate the preconditions of GetObject and HeadObject in the order of the HTTP standard. moto
5.2 checks each header alone, and answers 304 to `If-Modified-Since` although the ETag in `If-None-Match` has changed.
If a document is published twice within a second, caches would therefore keep the older version.

Source: Amazon S3 API Reference, "GetObject"; RFC 7232, section 6.
"""

from __future__ import annotations

from typing import Any, cast

from moto.s3.responses import S3Response

_respond: Any = cast(Any, S3Response).key_response


def key_response(response: Any, request: Any, full_url: str, headers: Any) -> Any:
    """Replaces `S3Response.key_response`. In a read with an ETag and a date as preconditions, the replacement ignores
    the date.
    """
    if request.method in ("GET", "HEAD"):
        # `request.headers` is read-only, so this code changes the WSGI environment, from which `request.headers` reads
        environ = request.headers.environ
        for by_etag, by_date in (("NONE_MATCH", "MODIFIED_SINCE"), ("MATCH", "UNMODIFIED_SINCE")):
            if f"HTTP_IF_{by_etag}" in environ:
                environ.pop(f"HTTP_IF_{by_date}", None)
    return _respond(response, request, full_url, headers)


def patch_conditional_reads() -> None:
    """If a read request has preconditions by date and by ETag, makes moto ignore those by date."""
    cast(Any, S3Response).key_response = key_response
