"""Coordinates of the clouds' regions. The edge worker picks the nearest shield (a regional cache) by distance.
`latency_regions` assigns each Google Cloud region to a nearby AWS region, because Route 53's latency records can
contain only AWS regions.

The cloud names a city as the location of each region, and this module has the coordinates of that city (AWS: "Regions
and Zones" guide; Google Cloud: "Cloud locations" page). Coordinates are in degrees with one decimal, about 11 km, which
is precise enough to compare regions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Literal, Protocol

Cloud = Literal["aws", "gcp"]


@dataclass(frozen=True)
class Region:
    """One region of AWS or Google Cloud. `continent` is the two-letter code of the continent that Route 53 and
    Cloudflare use.
    """

    name: str
    cloud: Cloud
    latitude: float
    longitude: float
    continent: str


_AWS = (
    ("af-south-1", -33.9, 18.4, "AF"),
    ("ap-east-1", 22.3, 114.2, "AS"),
    ("ap-east-2", 25.0, 121.6, "AS"),
    ("ap-northeast-1", 35.7, 139.7, "AS"),
    ("ap-northeast-2", 37.6, 127.0, "AS"),
    ("ap-northeast-3", 34.7, 135.5, "AS"),
    ("ap-south-1", 19.1, 72.9, "AS"),
    ("ap-south-2", 17.4, 78.5, "AS"),
    ("ap-southeast-1", 1.4, 103.8, "AS"),
    ("ap-southeast-2", -33.9, 151.2, "OC"),
    ("ap-southeast-3", -6.2, 106.8, "AS"),
    ("ap-southeast-4", -37.8, 145.0, "OC"),
    ("ap-southeast-5", 3.1, 101.7, "AS"),
    ("ap-southeast-6", -36.8, 174.8, "OC"),
    ("ap-southeast-7", 13.8, 100.5, "AS"),
    ("ca-central-1", 45.5, -73.6, "NA"),
    ("ca-west-1", 51.0, -114.1, "NA"),
    ("eu-central-1", 50.1, 8.7, "EU"),
    ("eu-central-2", 47.4, 8.5, "EU"),
    ("eu-north-1", 59.3, 18.1, "EU"),
    ("eu-south-1", 45.5, 9.2, "EU"),
    ("eu-south-2", 41.6, -0.9, "EU"),
    ("eu-west-1", 53.3, -6.3, "EU"),
    ("eu-west-2", 51.5, -0.1, "EU"),
    ("eu-west-3", 48.9, 2.4, "EU"),
    ("il-central-1", 32.1, 34.8, "AS"),
    ("me-central-1", 25.2, 55.3, "AS"),
    ("me-south-1", 26.1, 50.6, "AS"),
    ("mx-central-1", 20.6, -100.4, "NA"),
    ("sa-east-1", -23.6, -46.6, "SA"),
    ("us-east-1", 38.9, -77.4, "NA"),
    ("us-east-2", 40.0, -83.0, "NA"),
    ("us-west-1", 37.4, -121.9, "NA"),
    ("us-west-2", 45.8, -119.7, "NA"),
)

_GCP = (
    ("asia-east1", 24.1, 120.5, "AS"),
    ("asia-northeast1", 35.7, 139.7, "AS"),
    ("asia-south1", 19.1, 72.9, "AS"),
    ("asia-southeast1", 1.4, 103.8, "AS"),
    ("australia-southeast1", -33.9, 151.2, "OC"),
    ("europe-north1", 60.6, 27.2, "EU"),
    ("europe-west1", 50.4, 3.8, "EU"),
    ("europe-west2", 51.5, -0.1, "EU"),
    ("europe-west3", 50.1, 8.7, "EU"),
    ("europe-west4", 53.4, 6.8, "EU"),
    ("northamerica-northeast1", 45.5, -73.6, "NA"),
    ("southamerica-east1", -23.6, -46.6, "SA"),
    ("us-central1", 41.3, -95.9, "NA"),
    ("us-east1", 33.2, -80.0, "NA"),
    ("us-east4", 39.0, -77.5, "NA"),
    ("us-west1", 45.6, -121.2, "NA"),
)

# Maps the name of each region that a stack may use to the region's cloud, coordinates and continent. No region of AWS
# has the same name as a region of Google Cloud.
REGIONS: dict[str, Region] = {
    **{name: Region(name, "aws", latitude, longitude, continent) for name, latitude, longitude, continent in _AWS},
    **{name: Region(name, "gcp", latitude, longitude, continent) for name, latitude, longitude, continent in _GCP},
}

_EARTH_RADIUS_KM = 6371.0  # the mean radius of the Earth in kilometres (IUGG)


class Place(Protocol):
    """An object with a geographic location: latitude and longitude in degrees."""

    @property
    def latitude(self) -> float: ...

    @property
    def longitude(self) -> float: ...


def distance(one: Place, other: Place) -> float:
    """Returns the great-circle distance between two places in kilometres (haversine formula)."""
    latitudes = radians(one.latitude), radians(other.latitude)
    across = radians(other.longitude - one.longitude)
    chord = sin((latitudes[1] - latitudes[0]) / 2) ** 2 + cos(latitudes[0]) * cos(latitudes[1]) * sin(across / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * asin(sqrt(chord))


def nearest_first(place: str, candidates: Iterable[str]) -> list[str]:
    """Returns the regions in `candidates`, sorted by their distance from the region `place`. Regions at the same
    distance are sorted by name.
    """
    return sorted(candidates, key=lambda name: (distance(REGIONS[place], REGIONS[name]), name))


# The regions of AWS in which EC2 instances can be endpoints of Global Accelerator (Global Accelerator Developer Guide,
# "AWS Region availability for AWS Global Accelerator").
ACCELERATED_REGIONS = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ca-central-1",
        "ca-west-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)


def latency_regions(places: Iterable[str]) -> dict[str, str]:
    """Chooses the AWS region for each region's latency record in Route 53. Returns a mapping from the given regions to
    the chosen AWS regions.

    Route 53's latency records can contain only AWS regions, and a DNS name has at most one latency record for each AWS
    region. The record of an AWS region contains the region itself. The record of a Google Cloud region contains the
    nearest AWS region that no other record contains. If no AWS region is left, the Google Cloud region gets no latency
    record and is missing from the result. The edge worker still finds this region by distance.
    """
    wanted = sorted(set(places))
    chosen = {place: place for place in wanted if REGIONS[place].cloud == "aws"}
    aws = {name for name, region in REGIONS.items() if region.cloud == "aws"}
    for place in wanted:
        if place not in chosen:
            free = nearest_first(place, aws - set(chosen.values()))
            if free:
                chosen[place] = free[0]
    return chosen
