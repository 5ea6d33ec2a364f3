"""Tests the function that assigns each country and US state to a region of our own PoPs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.countries import CONTINENTS, COUNTRIES, STATES, Country
from contract.regions import REGIONS, distance
from infra.dns.geolocation import Area, regions_by_area

AWS_REGIONS = sorted(name for name, region in REGIONS.items() if region.cloud == "aws")
THREE = ("us-east-1", "eu-west-1", "ap-southeast-1")


def of_country(code: str, areas: dict[Area, str]) -> str:
    """Returns the region of the clients in a country. Like Route 53, prefers the record of the country to the record of
    the continent.
    """
    return areas.get(Area(country=code)) or areas[Area(continent=COUNTRIES[code].continent)]


def of_state(code: str, areas: dict[Area, str]) -> str:
    """Returns the region of the clients in a US state. Like Route 53, prefers the record of the state to the record of
    the country.
    """
    return areas.get(Area(country="US", state=code)) or areas[Area(country="US")]


def is_nearest(region: str, place: Country, regions: set[str]) -> bool:
    return distance(REGIONS[region], place) == min(distance(REGIONS[each], place) for each in regions)


@given(st.sets(st.sampled_from(AWS_REGIONS), min_size=1, max_size=4))
def test_every_country_and_every_state_gets_the_nearest_region(regions: set[str]) -> None:
    areas = regions_by_area(regions)
    if len(areas) < 99:
        assert [code for code in COUNTRIES if not is_nearest(of_country(code, areas), COUNTRIES[code], regions)] == []
        assert [code for code in STATES if not is_nearest(of_state(code, areas), STATES[code], regions)] == []


@given(st.sets(st.sampled_from(AWS_REGIONS), min_size=1))
def test_all_continents_have_a_record_and_route_53_allows_the_number_of_records(regions: set[str]) -> None:
    areas = regions_by_area(regions)
    # Route 53 allows 99 records in addition to the default record.
    assert len({area.identifier for area in areas}) == len(areas) <= 99
    assert {area.continent for area in areas} - {""} == set(CONTINENTS)
    assert set(areas.values()) <= regions


def test_no_area_repeats_the_larger_area() -> None:
    areas = regions_by_area(THREE)
    continents = {code: areas[Area(continent=country.continent)] for code, country in COUNTRIES.items()}
    repeated = [area.country for area in areas if area.country and areas[area] == continents[area.country]]
    assert repeated == ["US"]


def test_the_areas_that_gain_the_fewest_kilometres_have_no_record() -> None:
    areas = regions_by_area(AWS_REGIONS)
    assert len(areas) == 99
    lost = {
        code: distance(REGIONS[of_country(code, areas)], country)
        - min(distance(REGIONS[each], country) for each in AWS_REGIONS)
        for code, country in COUNTRIES.items()
    }
    kept = [area.country for area in areas if area.country and not area.state and area.country != "US"]
    of_continent = {
        code: distance(REGIONS[areas[Area(continent=COUNTRIES[code].continent)]], COUNTRIES[code])
        - distance(REGIONS[areas[Area(country=code)]], COUNTRIES[code])
        for code in kept
    }
    assert max(lost.values()) <= min(of_continent.values())


@pytest.mark.parametrize(
    ("area", "region"),
    [
        (Area(continent="EU"), "eu-west-1"),
        (Area(continent="SA"), "us-east-1"),
        (Area(continent="OC"), "ap-southeast-1"),
        (Area(country="US"), "us-east-1"),
        (Area(country="IL"), "eu-west-1"),
        (Area(country="ZA"), "ap-southeast-1"),
    ],
)
def test_three_regions_share_the_continents(area: Area, region: str) -> None:
    assert regions_by_area(THREE)[area] == region


def test_two_regions_of_the_us_share_its_states() -> None:
    areas = regions_by_area(["us-east-1", "us-west-2"])
    found = {code: of_state(code, areas) for code in ("NY", "TX", "CA", "WA", "CO")}
    assert found == {"NY": "us-east-1", "TX": "us-east-1", "CA": "us-west-2", "WA": "us-west-2", "CO": "us-west-2"}


@pytest.mark.parametrize("place", [*COUNTRIES.values(), *STATES.values()], ids=lambda place: place.code)
def test_the_coordinates_of_a_place_are_on_the_globe(place: Country) -> None:
    assert len(place.code) == 2 and place.code.isupper()
    assert -90 <= place.latitude <= 90 and -180 <= place.longitude <= 180


def test_the_country_nearest_to_a_cloud_region_is_on_its_continent() -> None:
    """Checks two independent tables of coordinates against each other: one of cloud regions, and one of countries. A
    large error in either table can make the test fail.
    """
    for region in REGIONS.values():
        nearest = min(COUNTRIES.values(), key=lambda country: distance(region, country))
        assert nearest.continent == region.continent, (region.name, nearest.code)
