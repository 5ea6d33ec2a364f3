"""Assigns the continents, the countries and the states of the US to regions that have PoPs of our own. Route 53's
geolocation records use these regions.

Clients of a country should get the nearest PoP. However, Route 53 allows only 100 records of one name, and there are
more countries. Each continent therefore has one record. A country has a record of its own only if another PoP is nearer
to the country than the PoP of its continent. In the same way, a state of the US has a record only if another PoP is
nearer than the PoP of the US.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contract.countries import CONTINENTS, COUNTRIES, STATES, Country
from contract.regions import REGIONS, distance

# The maximum number of geolocation records that Route 53 allows for one name and type (Route 53 Developer Guide,
# "Quotas on records"). The default record is not included in this number.
_MOST_RECORDS = 99


@dataclass(frozen=True)
class Area:
    """The area of a geolocation record: a continent, a country, or a state of the US. The fields have the codes that
    Route 53 uses. If `state` is empty, the area is a whole country. If `country` is empty too, the area is a whole
    continent.
    """

    continent: str = ""
    country: str = ""
    state: str = ""

    @property
    def identifier(self) -> str:
        """The area's unique identifier. The prefix distinguishes Asia from American Samoa: both have the code AS."""
        if self.state:
            return f"state-{self.state}"
        return f"country-{self.country}" if self.country else f"continent-{self.continent}"


# Route 53 uses the record of the US for clients in a state whose own record is unhealthy or missing. The US therefore
# always has a record, even if this record resolves to the same region as the record of North America.
_US = Area(country="US")


def regions_by_area(regions: Iterable[str]) -> dict[Area, str]:
    """Returns the areas that need a geolocation record. Each area is mapped to the region that serves the area's
    clients. `regions` are the regions that have PoPs.

    A country gets the nearest region. A continent gets the region that most of its countries get. Route 53 limits the
    number of records. The function therefore chooses the areas whose own record shortens the distance to a PoP most.
    Clients of an area without a record get the region of their continent or of the US.
    """
    names = sorted(set(regions))
    countries = {code: _nearest(country, names) for code, country in COUNTRIES.items()}
    found = {Area(continent=each): _most_frequent(each, countries) for each in CONTINENTS}
    gains: dict[Area, float] = {}
    exact = dict(found)
    for code, country in COUNTRIES.items():
        area = Area(country=code)
        exact[area] = countries[code]
        gains[area] = _gain(country, found[Area(continent=country.continent)], exact[area])
    for code, state in STATES.items():
        area = Area(country="US", state=code)
        exact[area] = _nearest(state, names)
        gains[area] = _gain(state, countries["US"], exact[area])
    del gains[_US]
    found[_US] = exact[_US]
    return found | _largest(gains, exact, _MOST_RECORDS - len(found))


def _nearest(country: Country, regions: Iterable[str]) -> str:
    return min(regions, key=lambda name: distance(REGIONS[name], country))


def _most_frequent(continent: str, countries: Mapping[str, str]) -> str:
    of_continent = (countries[code] for code, country in COUNTRIES.items() if country.continent == continent)
    counts = Counter(sorted(of_continent))
    return counts.most_common(1)[0][0]


def _gain(country: Country, larger: str, exact: str) -> float:
    """Returns by how many kilometres clients get nearer to their region if their country or state has its own
    geolocation record. With this record, the clients get the region `exact`. Without it, they get the region `larger`.
    """
    return distance(REGIONS[larger], country) - distance(REGIONS[exact], country) if larger != exact else 0.0


def _largest(gains: Mapping[Area, float], regions: Mapping[Area, str], most: int) -> dict[Area, str]:
    by_gain = sorted((area for area in gains if gains[area] > 0), key=lambda area: (-gains[area], area.identifier))
    return {area: regions[area] for area in by_gain[:most]}
