"""Extends the emulation of tslua (tslua.py) by the storage of responses in Traffic Server's cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from tests.support.tslua import Headers, Hook, Lookup, Message, Transaction


@dataclass
class StoredMessage(Message):
    """Holds a response of the origin. `is_storable` says whether the cache may store the response."""

    is_storable: bool = True

    def set_server_resp_no_store(self, setting: int) -> None:
        self.is_storable = setting == 0


def read_response(transaction: Transaction, status: int, headers: Mapping[str, str] | None = None) -> StoredMessage:
    """Runs the hook for the origin's response, and returns the response that the cache receives."""
    answer = StoredMessage(Headers(headers), status=status)
    _run(transaction, "READ_RESPONSE_HDR", http=answer, server_response=_Response(answer))
    return answer


def send_response(
    transaction: Transaction, status: int, lookup: Lookup, headers: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Runs the hook for a response to the client, and returns the headers that the client receives."""
    answer = Message(Headers(headers), status=status)
    _run(transaction, "SEND_RESPONSE_HDR", lookup=lookup, client_response=_Response(answer))
    return answer.headers.all()


class _Response:
    def __init__(self, message: Message) -> None:
        self._message = message
        self.header = message.headers

    def get_status(self) -> int:
        return self._message.status


def _run(transaction: Transaction, hook: Hook, **parts: Any) -> None:
    transaction.run(transaction.hooks[get_args(Hook).index(hook)], **parts)
