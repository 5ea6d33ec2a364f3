"""Caches data that each boto3 session, each HTTP client and each Flask application in a test would otherwise compute
again: AWS's API descriptions and endpoint rules, the certificate authorities that httpx trusts, and the functions that
werkzeug compiles from routes.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FunctionType, MethodType
from typing import Any, cast

import httpx
import pytest
from botocore.compat import accepts_kwargs
from botocore.endpoint_provider import EndpointProvider
from botocore.hooks import EVENT_ALIASES, EventAliaser
from botocore.loaders import Loader
from moto.core.custom_responses_mock import CallbackResponse
from werkzeug.routing import Rule


class _Directories(list[str]):
    """The search path of a botocore loader, without duplicates. All boto3 sessions share the loader, and each session
    would otherwise append the same directory to the path again.
    """

    def append(self, directory: str) -> None:
        if directory not in self:
            super().append(directory)


@contextmanager
def made_once() -> Generator[None]:
    """Makes all boto3 sessions of the test process share one cache of AWS's API descriptions and of what botocore
    computes from them. Also makes all httpx clients share one SSL context, and all Flask applications share the
    functions that werkzeug compiles from routes.

    This saves time: otherwise, each session lists thousands of files and parses megabytes of JSON, each client reads
    the certificates of all public authorities, and each application compiles hundreds of functions.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("botocore.session.create_loader", _one_loader())
        patched.setattr("botocore.regions.EndpointProvider", _one_endpoint_provider())
        patched.setattr("botocore.hooks.accepts_kwargs", _one_inspection())
        patched.setattr(EventAliaser, "__init__", _with_one_alias_cache())
        # Each start of moto registers the same 2,562 responses. None of them holds the state of an emulated cloud.
        patched.setattr("moto.core.models.CallbackResponse", cache(CallbackResponse))
        patched.setattr("httpx._transports.default.create_ssl_context", _one_ssl_context())
        patched.setattr(Rule, "_compile_builder", _one_builder())
        yield


def _one_loader() -> Callable[..., Loader]:
    @cache
    def one_loader(search_path: str | None) -> Loader:
        return Loader(_Directories(search_path.split(os.pathsep) if search_path else []))

    return one_loader


def _one_endpoint_provider() -> Callable[..., Any]:
    """Returns a function that makes one endpoint provider for each AWS service. A provider evaluates the service's
    endpoint rules and holds no state of a client.
    """
    providers: dict[Any, Any] = {}

    def one_provider(ruleset_data: Any, partition_data: Any, excluded_params: Any = None) -> Any:
        # The shared loader keeps the rules, so their identity names them. The cache also keeps them, so that no other
        # object can get the same identity.
        key = (id(ruleset_data), id(partition_data), frozenset(excluded_params or ()))
        if key not in providers:
            made = cast(Any, EndpointProvider)(ruleset_data, partition_data, excluded_params)
            providers[key] = (made, ruleset_data, partition_data)
        return providers[key][0]

    return one_provider


def _one_inspection() -> Callable[[Any], Any]:
    """Returns a function that tells whether an event handler of botocore accepts any keyword argument. The answer
    depends only on the handler's code, so the function inspects each code once.
    """
    known: dict[CodeType, Any] = {}

    def one_inspection(handler: Any) -> Any:
        function = handler.__func__ if type(handler) is MethodType else handler
        if type(function) is not FunctionType or hasattr(function, "__signature__"):
            return cast(Any, accepts_kwargs)(handler)
        if function.__code__ not in known:
            known[function.__code__] = cast(Any, accepts_kwargs)(handler)
        return known[function.__code__]

    return one_inspection


def _with_one_alias_cache() -> Callable[..., None]:
    """Returns a constructor of botocore's event aliaser. All aliasers that use botocore's own aliases share one cache
    of event names.
    """
    original = cast(Any, EventAliaser).__init__
    names: dict[str, str] = {}

    def made(aliaser: Any, event_emitter: Any, event_aliases: Any = None) -> None:
        original(aliaser, event_emitter, event_aliases)
        if event_aliases is None or event_aliases == EVENT_ALIASES:
            aliaser._alias_name_cache = names

    return made


def _one_ssl_context() -> Callable[..., ssl.SSLContext]:
    """Returns a function that makes one SSL context for all httpx clients that verify servers by default. The context
    depends on two environment variables. Other clients get separate contexts.
    """
    create: Any = httpx.create_ssl_context

    @cache
    def default(trust_env: bool, file: str | None, directory: str | None) -> ssl.SSLContext:
        return create(trust_env=trust_env)

    def one_ssl_context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        if verify is not True or cert:
            return create(verify=verify, cert=cert, trust_env=trust_env)
        return default(trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    return one_ssl_context


def _one_builder() -> Callable[..., Any]:
    compile_builder = cast(Any, Rule)._compile_builder
    builders: dict[Any, Any] = {}

    def one_builder(rule: Any, append_unknown: bool = True) -> Any:
        # The cache key contains all values on which the compiled function depends. A rule's URL converters are not part
        # of the key, because the function gets the rule as an argument and reads the converters from it.
        key = (tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    return one_builder
