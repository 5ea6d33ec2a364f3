"""The audit log of changes to packages and tokens: who changed what, and when.

The transaction of a change also writes the change's audit entry. The entries of each month form one database partition,
sorted by time.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from registry import RegistryError
from registry.clock import now
from registry.metadata import Absent, Put, Repository

_FIRST_MONTH = "2026-01"


@dataclass(frozen=True)
class By:
    """The author of a change, as the audit log records it.

    `principal` is the name that the author states. `caller` is the identity that the cloud reports, or empty if the
    cloud was not queried. `action` is the command that made the change.
    """

    principal: str
    caller: str
    action: str


@dataclass(frozen=True)
class Entry:
    """One entry of the audit log.

    `at` is the time of the change (ISO 8601, UTC). `what` names what was changed, such as `npm @acme/web 1.0.0`.
    """

    at: str
    by: By
    what: str


def entry(by: By, what: str, at: str) -> Put:
    document = {"principal": by.principal, "caller": by.caller, "action": by.action, "what": what}
    return Put(f"audit#{at[:7]}", f"{at}#{secrets.token_hex(4)}", document, Absent())


def entries(repository: Repository, since: str = _FIRST_MONTH) -> Iterator[Entry]:
    """Yields the audit entries since a time, oldest first. `since` is an ISO 8601 time, or the first part of such a
    time, such as the month `2026-11`.
    """
    for month in _months(since[:7]):
        for item in repository.items(f"audit#{month}", after=since):
            document = item.document
            found = By(document["principal"], document["caller"], document["action"])
            yield Entry(item.name.partition("#")[0], found, document["what"])


def checked_time(text: str) -> str:
    """Checks the start time of a query of the audit log, such as `2026-11` or `2026-11-24T10:00Z`.

    Returns the time without a final `Z`. If `text` is empty, returns the first month of the audit log. Raises
    RegistryError if `text` is not a valid time.
    """
    if text and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])(-\d\d(T\d\d(:\d\d(:\d\d)?)?)?)?Z?", text):
        raise RegistryError(f"--since {text!r}: write a UTC time such as 2026-11, 2026-11-24 or 2026-11-24T10:30")
    return text.removesuffix("Z") or _FIRST_MONTH


def _months(first: str) -> Iterator[str]:
    month, last = datetime.strptime(first, "%Y-%m").replace(tzinfo=UTC), now()[:7]
    while (text := month.strftime("%Y-%m")) <= last:
        yield text
        month = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
