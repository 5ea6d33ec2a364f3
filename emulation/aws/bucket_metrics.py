"""Stores the S3 request metrics configurations of buckets, because moto 5.2 has no API for them. When a client stores,
lists or deletes a configuration, moto by mistake creates, lists or deletes the bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from moto.s3.responses import S3Response

Answer = tuple[int, dict[str, str], str]

_CONFIGURATIONS = "artifact_edge_metrics"


def patches() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields the name of each method of moto's `S3Response` that the emulation replaces, and the new method. The new
    methods store the metrics configurations of each bucket by name.
    """
    for name, answer in _ANSWERS.items():
        yield name, _replace_method(_ORIGINALS[name], answer)


def patch_bucket_metrics() -> None:
    """Makes moto store the S3 request metrics configurations of buckets."""
    for name, method in patches():
        setattr(S3Response, name, method)


def names_of_metrics(bucket: Any) -> Iterable[str]:
    """Returns the names of a bucket's S3 request metrics configurations."""
    return tuple(cast(dict[str, str], getattr(bucket, _CONFIGURATIONS, {})))


def _replace_method(
    original: Callable[..., Any], answer: Callable[[Any, dict[str, str], str], Answer]
) -> Callable[..., Any]:
    def answered(self: Any, *arguments: Any) -> Any:
        *_, bucket_name, query = arguments
        if "metrics" not in query:
            return original(self, *arguments)
        configurations = cast(dict[str, dict[str, str]], vars(self.backend.get_bucket(bucket_name))).setdefault(
            _CONFIGURATIONS, {}
        )
        return answer(self, configurations, _parameter(query, "id"))

    return answered


def _put(response: Any, configurations: dict[str, str], name: str) -> Answer:
    body = response.body
    configurations[name] = body.decode() if isinstance(body, bytes) else body
    return 200, {}, ""


def _get(response: Any, configurations: dict[str, str], name: str) -> Answer:
    return (200, {}, configurations[name]) if name in configurations else _not_found()


def _delete(response: Any, configurations: dict[str, str], name: str) -> Answer:
    return (204, {}, "") if configurations.pop(name, None) is not None else _not_found()


def _not_found() -> Answer:
    return 404, {}, "<Error><Code>NoSuchConfiguration</Code><Message>no such metrics</Message></Error>"


def _parameter(query: Mapping[str, Any], name: str) -> str:
    return query[name][0]


_ANSWERS = {"_bucket_response_put": _put, "_bucket_response_get": _get, "_bucket_response_delete": _delete}
_ORIGINALS = {name: getattr(S3Response, name) for name in _ANSWERS}
