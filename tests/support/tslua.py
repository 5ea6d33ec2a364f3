"""Runs a script of Traffic Server's tslua plugin in LuaJIT, without Traffic Server and without a network.

LuaJIT is the interpreter that the plugin embeds. The script runs unchanged. Its object `ts` is an emulation of the
plugin's object. The emulation has only the functions that the project's scripts call, each in the hooks in which the
plugin offers it. Any other call raises an error. If a script needs a new function, add the function to the emulation.

Reference: docs.trafficserver.apache.org, "Lua Plugin".
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from contract.shields import EDGE_PORT

Lookup = Literal["MISS", "HIT_STALE", "HIT_FRESH", "SKIPPED"]
Hook = Literal["CACHE_LOOKUP_COMPLETE", "SEND_REQUEST_HDR", "READ_RESPONSE_HDR", "SEND_RESPONSE_HDR"]

_HOOKS: tuple[Hook, ...] = ("CACHE_LOOKUP_COMPLETE", "SEND_REQUEST_HDR", "READ_RESPONSE_HDR", "SEND_RESPONSE_HDR")
_LOOKUPS: tuple[Lookup, ...] = ("MISS", "HIT_STALE", "HIT_FRESH", "SKIPPED")

# Makes Lua raise an error for an unknown global name. Without this code, the value of a misspelt constant would be nil.
_REFUSE_UNKNOWN_GLOBALS = """
setmetatable(_G, {__index = function(_, name) error('unknown global ' .. name, 2) end})
"""
_OPEN_BELOW = """
local open = io.open
io.open = function(path, mode) return open(ROOT .. path, mode) end
"""


class Headers:
    """Holds the header fields of a message. The names of fields are case-insensitive. A field that is set to None is
    removed.
    """

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self._fields = {name.lower(): (name, value) for name, value in (fields or {}).items()}

    def __getitem__(self, name: str) -> str | None:
        return self._fields[name.lower()][1] if name.lower() in self._fields else None

    def __setitem__(self, name: str, value: str | None) -> None:
        self._fields.pop(name.lower(), None)
        if value is not None:
            self._fields[name.lower()] = (name, value)

    def all(self) -> dict[str, str]:
        return dict(self._fields.values())


class Script:
    """Runs a Lua script of the shield. The directory `root` replaces the root of the machine's file system. `now` is
    the time that the script's clock shows, in seconds.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.now = 1000.0
        self.errors: list[str] = []
        self.lua: Any = importlib.import_module("lupa.luajit21").LuaRuntime(unpack_returned_tuples=True)
        names = self.lua.globals()
        for number, hook in enumerate(_HOOKS):
            names[f"TS_LUA_HOOK_{hook}"] = number
        for number, lookup in enumerate(_LOOKUPS):
            names[f"TS_LUA_CACHE_LOOKUP_{lookup}"] = number
        names.ROOT = str(root)
        self.lua.execute(_OPEN_BELOW)
        self.lua.execute(path.read_text())
        self._remap: Callable[[], int] = names.do_remap
        names.ts = None
        self.lua.execute(_REFUSE_UNKNOWN_GLOBALS)

    def request(
        self, headers: Mapping[str, str] | None = None, *, method: str = "GET", uri: str = "/", port: int = EDGE_PORT
    ) -> Transaction:
        """Calls the script's function `do_remap` for a request, as Traffic Server does for a request that matches a
        rule of remap.config.
        """
        transaction = Transaction(self, Message(Headers(headers), method=method, uri=uri, port=port))
        transaction.run(self._remap)
        return transaction


@dataclass
class Message:
    """Holds an HTTP request or response of Traffic Server for a test to inspect."""

    headers: Headers
    method: str = ""
    uri: str = ""
    arguments: str = "as=sent"
    port: int = 0
    status: int = 0
    # Whether Traffic Server's cache may store the response. A script can change this value for a response of the
    # origin.
    is_storable: bool = True


@dataclass
class Transaction:
    """One request that passes through a Lua script. The class calls the functions that the script has registered for
    hooks, in the same way as Traffic Server.

    If the script refuses the request, `refusal` contains the status and the body of the script's response.
    """

    script: Script
    client_request: Message
    refusal: tuple[int, str] | None = None
    hooks: dict[int, Callable[[], int]] = field(default_factory=dict[int, Callable[[], int]])

    def __post_init__(self) -> None:
        self.context = self.script.lua.table()

    def run(self, handler: Callable[[], int], **parts: Any) -> None:
        self.script.lua.globals().ts = _Ts(self, **parts)
        assert handler() == 0, "a handler of tslua ends with 0, or the transaction is taken over"

    def look_up(self, lookup: Lookup) -> dict[str, str]:
        """Emulates the end of a cache look-up with the result `lookup`. Calls the function that the Lua script has
        registered for the hook CACHE_LOOKUP_COMPLETE. Returns the headers that the client's request has after this
        call.
        """
        self._run("CACHE_LOOKUP_COMPLETE", lookup=lookup)
        return self.client_request.headers.all()

    def send_request(self, lookup: Lookup, headers: Mapping[str, str] | None = None) -> dict[str, str]:
        """Emulates a request to the origin. Calls the function that the script has registered for the hook
        SEND_REQUEST_HDR. Returns the headers that the origin receives.
        """
        sent = Message(Headers(self.client_request.headers.all() if headers is None else headers))
        self._run("SEND_REQUEST_HDR", lookup=lookup, server_request=_Request(sent, self.script))
        return sent.headers.all()

    def read_response(self, status: int, headers: Mapping[str, str] | None = None) -> Message:
        """Emulates a response of the origin. Calls the function that the Lua script has registered for the hook
        READ_RESPONSE_HDR. Returns the response that Traffic Server caches.
        """
        answer = Message(Headers(headers), status=status)
        self._run("READ_RESPONSE_HDR", http=_ReceivedResponse(answer), server_response=_Response(answer, self.script))
        return answer

    def send_response(self, status: int, lookup: Lookup, headers: Mapping[str, str] | None = None) -> dict[str, str]:
        """Emulates a response to the client. Calls the function that the script has registered for the hook
        SEND_RESPONSE_HDR. Returns the headers that the client receives.
        """
        answer = Message(Headers(headers), status=status)
        self._run("SEND_RESPONSE_HDR", lookup=lookup, client_response=_Response(answer, self.script))
        return answer.headers.all()

    def _run(self, hook: Hook, **parts: Any) -> None:
        handler = self.hooks.get(_HOOKS.index(hook))
        if handler is not None:
            self.run(handler, **parts)


class _Request:
    def __init__(self, message: Message, script: Script) -> None:
        self._message = message
        self._table = script.lua.table_from
        self.header = message.headers
        self.client_addr = _ClientAddress(message.port)

    def get_headers(self) -> Any:
        return self._table(self._message.headers.all())

    def get_method(self) -> str:
        return self._message.method

    def get_uri(self) -> str:
        return self._message.uri

    def set_uri(self, uri: str) -> None:
        self._message.uri = uri

    def set_uri_args(self, arguments: str) -> None:
        self._message.arguments = arguments


class _ClientAddress:
    def __init__(self, port: int) -> None:
        self._port = port

    def get_incoming_port(self) -> int:
        return self._port


class _Response:
    def __init__(self, message: Message, script: Script) -> None:
        self._message = message
        self._table = script.lua.table_from
        self.header = message.headers

    def get_headers(self) -> Any:
        return self._table(self._message.headers.all())

    def get_status(self) -> int:
        return self._message.status

    def set_status(self, status: int) -> None:
        self._message.status = status


class _ReceivedResponse:
    """Emulates the Lua object `ts.http` in the hook READ_RESPONSE_HDR, which handles responses of the origin."""

    def __init__(self, answer: Message) -> None:
        self._answer = answer

    def set_server_resp_no_store(self, setting: int) -> None:
        self._answer.is_storable = setting == 0


class _Http:
    def __init__(self, transaction: Transaction, lookup: Lookup | None) -> None:
        self._transaction = transaction
        self._lookup = lookup

    def get_cache_lookup_status(self) -> int:
        if self._lookup is None:
            raise AttributeError("the cache's look-up has no result in this hook")
        return _LOOKUPS.index(self._lookup)

    def set_resp(self, status: int, body: str) -> None:
        self._transaction.refusal = (status, body)


class _Ts:
    """Emulates Traffic Server's Lua object `ts` during a hook. `parts` contains attributes of `ts` that exist only in
    this hook, such as `server_request`.
    """

    def __init__(self, transaction: Transaction, lookup: Lookup | None = None, **parts: Any) -> None:
        self._transaction = transaction
        self.ctx = transaction.context
        self.http = _Http(transaction, lookup)
        self.client_request = _Request(transaction.client_request, transaction.script)
        self.__dict__.update(parts)

    def now(self) -> float:
        return self._transaction.script.now

    def sha256(self, text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    def error(self, message: str) -> None:
        self._transaction.script.errors.append(message)

    def hook(self, point: int, handler: Callable[[], int]) -> None:
        if point not in range(len(_HOOKS)):
            raise ValueError(f"{point!r} is no hook")
        self._transaction.hooks[point] = handler
