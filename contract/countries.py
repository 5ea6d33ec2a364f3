"""Coordinates of all countries and of the states of the US. The codes of countries and states are the codes in Route
53's geolocation records. With these coordinates, `infra/dns/geolocation.py` finds the PoP that is nearest to a
country's clients.

Most clients of a country are in cities. The coordinates of a country are therefore the coordinates of a large city,
mostly the largest. Coordinates are in degrees with one decimal. Each country belongs to the continent that Route 53
lists it under (Route 53 Developer Guide, "Values specific for geolocation records": Location). Two kinds of countries
are left out: countries without a town, and countries for which Route 53 accepts no records.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """A country, or a state of the US. The `code` of a country is its two-letter code in ISO 3166-1. The `code` of a
    state is its two-letter code of the US Postal Service. `continent` is Route 53's two-letter code for the continent.
    """

    code: str
    continent: str
    latitude: float
    longitude: float


# Maps each continent to its countries: the code, the latitude and the longitude of each.
_COUNTRIES = {
    "AF": "AO -8.8 13.2, BF 12.4 -1.5, BI -3.4 29.4, BJ 6.4 2.4, BW -24.7 25.9, CD -4.3 15.3, CF 4.4 18.6,"
    " CG -4.3 15.3, CI 5.3 -4.0, CM 4.1 9.7, CV 14.9 -23.5, DJ 11.6 43.1, DZ 36.8 3.1, EG 30.0 31.2, ER 15.3 38.9,"
    " ET 9.0 38.7, GA 0.4 9.5, GH 5.6 -0.2, GM 13.4 -16.7, GN 9.5 -13.7, GQ 1.9 9.8, GW 11.9 -15.6, KE -1.3 36.8,"
    " KM -11.7 43.3, LR 6.3 -10.8, LS -29.3 27.5, LY 32.9 13.2, MA 33.6 -7.6, MG -18.9 47.5, ML 12.7 -8.0,"
    " MR 18.1 -16.0, MU -20.2 57.5, MW -14.0 33.8, MZ -26.0 32.6, NA -22.6 17.1, NE 13.5 2.1, NG 6.5 3.4,"
    " RE -20.9 55.5, RW -1.9 30.1, SC -4.6 55.5, SD 15.6 32.5, SH -15.9 -5.7, SL 8.5 -13.2, SN 14.7 -17.4,"
    " SO 2.0 45.3, SS 4.9 31.6, ST 0.3 6.7, SZ -26.5 31.4, TD 12.1 15.0, TG 6.1 1.2, TN 36.8 10.2, TZ -6.8 39.3,"
    " UG 0.3 32.6, YT -12.8 45.2, ZA -26.2 28.0, ZM -15.4 28.3, ZW -17.8 31.1",
    "AN": "AQ -77.8 166.7",
    "AS": "AE 25.2 55.3, AF 34.5 69.2, AM 40.2 44.5, AZ 40.4 49.9, BD 23.7 90.4, BH 26.2 50.6, BN 4.9 114.9,"
    " BT 27.5 89.6, CC -12.2 96.8, CN 31.2 121.5, GE 41.7 44.8, HK 22.3 114.2, ID -6.2 106.8, IL 32.1 34.8,"
    " IN 19.1 72.9, IQ 33.3 44.4, IR 35.7 51.4, JO 31.9 35.9, JP 35.7 139.7, KG 42.9 74.6, KH 11.6 104.9,"
    " KP 39.0 125.7, KR 37.6 127.0, KW 29.4 48.0, KZ 43.2 76.9, LA 18.0 102.6, LB 33.9 35.5, LK 6.9 79.9,"
    " MM 16.8 96.2, MN 47.9 106.9, MO 22.2 113.5, MV 4.2 73.5, MY 3.1 101.7, NP 27.7 85.3, OM 23.6 58.4,"
    " PH 14.6 121.0, PK 24.9 67.0, PS 31.5 34.5, QA 25.3 51.5, SA 24.7 46.7, SG 1.3 103.8, SY 33.5 36.3,"
    " TH 13.8 100.5, TJ 38.6 68.8, TM 37.9 58.4, TW 25.0 121.5, UZ 41.3 69.2, VN 10.8 106.6, YE 15.4 44.2",
    "EU": "AD 42.5 1.5, AL 41.3 19.8, AT 48.2 16.4, AX 60.1 19.9, BA 43.9 18.4, BE 50.8 4.4, BG 42.7 23.3,"
    " BY 53.9 27.6, CH 47.4 8.5, CY 35.2 33.4, CZ 50.1 14.4, DE 52.5 13.4, DK 55.7 12.6, EE 59.4 24.8, ES 40.4 -3.7,"
    " FI 60.2 24.9, FO 62.0 -6.8, FR 48.9 2.3, GB 51.5 -0.1, GG 49.5 -2.5, GI 36.1 -5.4, GR 38.0 23.7, HR 45.8 16.0,"
    " HU 47.5 19.0, IE 53.3 -6.3, IM 54.2 -4.5, IS 64.1 -21.9, IT 41.9 12.5, JE 49.2 -2.1, LI 47.2 9.5,"
    " LT 54.7 25.3, LU 49.6 6.1, LV 56.9 24.1, MC 43.7 7.4, MD 47.0 28.9, ME 42.4 19.3, MK 42.0 21.4, MT 35.9 14.5,"
    " NL 52.4 4.9, NO 59.9 10.8, PL 52.2 21.0, PT 38.7 -9.1, RO 44.4 26.1, RS 44.8 20.5, RU 55.8 37.6, SE 59.3 18.1,"
    " SI 46.1 14.5, SJ 78.2 15.6, SK 48.1 17.1, SM 43.9 12.4, TR 41.0 28.9, UA 50.5 30.5, VA 41.9 12.5, XK 42.7 21.2",
    "NA": "AG 17.1 -61.8, AI 18.2 -63.1, AW 12.5 -70.0, BB 13.1 -59.6, BL 17.9 -62.8, BM 32.3 -64.8, BQ 12.1 -68.3,"
    " BS 25.1 -77.3, BZ 17.5 -88.2, CA 43.7 -79.4, CR 9.9 -84.1, CU 23.1 -82.4, CW 12.1 -68.9, DM 15.3 -61.4,"
    " DO 18.5 -69.9, GD 12.1 -61.8, GL 64.2 -51.7, GP 16.3 -61.5, GT 14.6 -90.5, HN 14.1 -87.2, HT 18.5 -72.3,"
    " JM 18.0 -76.8, KN 17.3 -62.7, KY 19.3 -81.4, LC 14.0 -61.0, MF 18.1 -63.1, MQ 14.6 -61.1, MS 16.7 -62.2,"
    " MX 19.4 -99.1, NI 12.1 -86.3, PA 9.0 -79.5, PM 46.8 -56.2, PR 18.5 -66.1, SV 13.7 -89.2, SX 18.0 -63.1,"
    " TC 21.8 -72.3, TT 10.7 -61.5, US 40.7 -74.0, VC 13.2 -61.2, VG 18.4 -64.6, VI 18.3 -64.9",
    "OC": "AS -14.3 -170.7, AU -33.9 151.2, CK -21.2 -159.8, FJ -18.1 178.4, FM 7.0 158.2, GU 13.5 144.8,"
    " KI 1.4 173.0, MH 7.1 171.4, MP 15.2 145.7, NC -22.3 166.5, NF -29.1 168.0, NR -0.5 166.9, NU -19.1 -169.9,"
    " NZ -36.8 174.8, PF -17.5 -149.6, PG -9.4 147.2, PN -25.1 -130.1, PW 7.3 134.5, SB -9.4 160.0, TK -9.4 -171.2,"
    " TL -8.6 125.6, TO -21.1 -175.2, TV -8.5 179.2, VU -17.7 168.3, WF -13.3 -176.2, WS -13.8 -171.8",
    "SA": "AR -34.6 -58.4, BO -17.8 -63.2, BR -23.6 -46.6, CL -33.4 -70.7, CO 4.7 -74.1, EC -2.2 -79.9,"
    " FK -51.7 -57.8, GF 4.9 -52.3, GY 6.8 -58.2, PE -12.0 -77.0, PY -25.3 -57.6, SR 5.9 -55.2, UY -34.9 -56.2,"
    " VE 10.5 -66.9",
}

# The states of the US and the District of Columbia: the code, the latitude and the longitude of each.
_STATES = (
    "AK 61.2 -149.9, AL 34.7 -86.6, AR 34.7 -92.3, AZ 33.4 -112.1, CA 34.1 -118.2, CO 39.7 -105.0, CT 41.2 -73.2,"
    " DC 38.9 -77.0, DE 39.7 -75.5, FL 30.3 -81.7, GA 33.7 -84.4, HI 21.3 -157.9, IA 41.6 -93.6, ID 43.6 -116.2,"
    " IL 41.9 -87.6, IN 39.8 -86.2, KS 37.7 -97.3, KY 38.3 -85.8, LA 30.0 -90.1, MA 42.4 -71.1, MD 39.3 -76.6,"
    " ME 43.7 -70.3, MI 42.3 -83.0, MN 45.0 -93.3, MO 39.1 -94.6, MS 32.3 -90.2, MT 45.8 -108.5, NC 35.2 -80.8,"
    " ND 46.9 -96.8, NE 41.3 -95.9, NH 43.0 -71.5, NJ 40.7 -74.2, NM 35.1 -106.7, NV 36.2 -115.1, NY 40.7 -74.0,"
    " OH 40.0 -83.0, OK 35.5 -97.5, OR 45.5 -122.7, PA 40.0 -75.2, RI 41.8 -71.4, SC 32.8 -79.9, SD 43.5 -96.7,"
    " TN 36.2 -86.8, TX 29.8 -95.4, UT 40.8 -111.9, VA 36.9 -76.0, VT 44.5 -73.2, WA 47.6 -122.3, WI 43.0 -87.9,"
    " WV 38.3 -81.6, WY 41.1 -104.8"
)


def _parsed(table: str, continent: str) -> list[Country]:
    rows = [row.split() for row in table.split(", ")]
    return [Country(code, continent, float(latitude), float(longitude)) for code, latitude, longitude in rows]


COUNTRIES: dict[str, Country] = {
    country.code: country for continent, table in _COUNTRIES.items() for country in _parsed(table, continent)
}
STATES: dict[str, Country] = {state.code: state for state in _parsed(_STATES, "NA")}
CONTINENTS: tuple[str, ...] = tuple(_COUNTRIES)
