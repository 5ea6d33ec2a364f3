"""Reads an OSV record and returns its advisories. A record has one advisory for each npm or PyPI package that it
affects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry import RegistryError
from registry.advisories.ranges import Affected, Ecosystem, Event, InvalidRange, Kind, checked, shortened
from registry.advisories.severity import Level, level

# OSV's names for the package ecosystems that the registry serves.
ECOSYSTEMS: dict[str, Ecosystem] = {"npm": "npm", "PyPI": "pypi"}
# The IDs of OSV records about malware begin with this prefix (OSV schema, "id, modified fields").
_MALWARE = "MAL-"
_KINDS: tuple[Kind, ...] = ("introduced", "fixed", "last_affected", "limit")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,99}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Severity(_Part):
    type: str
    score: str


class _Package(_Part):
    ecosystem: str
    name: str = Field(min_length=1, max_length=255)


class _Range(_Part):
    type: str
    events: Sequence[dict[str, Any]] = Field(min_length=1)


class _Affected(_Part):
    # GitHub publishes OSV records of CVEs that concern no package, and leaves the field `package` out of these records.
    package: _Package | None = None
    severity: Sequence[_Severity] = ()
    ranges: Sequence[_Range] = ()
    versions: Sequence[str] = ()
    database_specific: dict[str, Any] | None = None
    ecosystem_specific: dict[str, Any] | None = None


class _Record(_Part):
    id: str = Field(pattern=rf"^{_ID.pattern}$")
    modified: str = ""
    withdrawn: str | None = None
    aliases: Sequence[str] | None = None
    severity: Sequence[_Severity] | None = None
    affected: Sequence[_Affected] | None = None
    database_specific: dict[str, Any] | None = None


@dataclass(frozen=True)
class Advisory:
    """What one OSV record states about one package, such as the affected versions and the severity. `name` is the
    package's canonical name, in lower case.
    """

    ecosystem: Ecosystem
    name: str
    id: str
    modified: str
    level: Level
    aliases: Sequence[str]
    affected: Affected

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


@dataclass(frozen=True)
class LeftOut:
    """An OSV record that the import skips on purpose. `reason` is a short description, such as `withdrawn`. The import
    counts the skipped records by reason.
    """

    reason: str


def stored(text: str) -> Advisory:
    """Parses the JSON representation of an advisory that the property `Advisory.text` returns."""
    fields: dict[str, Any] = json.loads(text)
    affected = fields.pop("affected")
    ranges = [[cast(Event, tuple(event)) for event in events] for events in affected["ranges"]]
    return Advisory(**fields, affected=Affected(ranges, affected["versions"]))


def read(text: bytes) -> Sequence[Advisory] | LeftOut:
    """Returns the advisories in an OSV record. Raises RegistryError with the reason for an invalid record."""
    try:
        record = _Record.model_validate_json(text)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise RegistryError(f"{where}: {detail['msg'].lower()}" if where else f"is no JSON: {detail['msg']}") from None
    if record.withdrawn:
        return LeftOut("withdrawn")
    found = list(_advisories(record))
    return found or LeftOut("of other ecosystems")


def _advisories(record: _Record) -> Iterator[Advisory]:
    by_package: dict[tuple[Ecosystem, str], list[_Affected]] = {}
    for number, affected in enumerate(record.affected or ()):
        if affected.package is None or affected.package.ecosystem not in ECOSYSTEMS:
            continue
        if not affected.versions and not any(each.type != "GIT" for each in affected.ranges):
            raise RegistryError(f"affected.{number}: names neither versions nor a range of versions")
        ecosystem = ECOSYSTEMS[affected.package.ecosystem]
        by_package.setdefault((ecosystem, _canonical(ecosystem, affected.package.name)), []).append(affected)
    for (ecosystem, name), parts in by_package.items():
        ranges = [each for part in parts for each in _ranges(ecosystem, name, part)]
        versions = list(dict.fromkeys(version for part in parts for version in part.versions))
        found = shortened(ecosystem, Affected(ranges, versions))
        aliases = [alias for alias in record.aliases or () if _ID.fullmatch(alias)]
        yield Advisory(ecosystem, name, record.id, record.modified, _level(record, parts), aliases, found)


def _canonical(ecosystem: Ecosystem, name: str) -> str:
    """Returns a package's name as the edge uses it: a Python name normalized by PEP 503, or a lowercase npm name."""
    return canonicalize_name(name) if ecosystem == "pypi" else name.lower()


def _ranges(ecosystem: Ecosystem, name: str, affected: _Affected) -> Iterator[Sequence[Event]]:
    for each in affected.ranges:
        if each.type == "GIT":
            continue
        if each.type not in ("SEMVER", "ECOSYSTEM"):
            raise RegistryError(f"{name}: a range has the unknown type {each.type!r}")
        try:
            yield checked(ecosystem, [_event(event) for event in each.events])
        except InvalidRange as error:
            raise RegistryError(f"{name}: {error}") from None


def _event(fields: dict[str, Any]) -> Event:
    known: list[Event] = [(kind, fields[kind]) for kind in _KINDS if isinstance(fields.get(kind), str)]
    if len(known) != 1:
        raise InvalidRange(f"an event needs one version, in one of the fields {', '.join(_KINDS)}")
    return known[0]


def _level(record: _Record, parts: Sequence[_Affected]) -> Level:
    if record.id.startswith(_MALWARE):
        return "malware"
    places = [record.database_specific, *(part.database_specific for part in parts)]
    places += [part.ecosystem_specific for part in parts]
    words = [place.get("severity") for place in places if place]
    severities = [*(record.severity or ()), *(each for part in parts for each in part.severity)]
    return level(words, [each.score for each in severities])
