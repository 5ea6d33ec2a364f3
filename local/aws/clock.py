"""How long CloudWatch's minute lasts: the knob that makes alarms quick in tests (alarms.py)."""

PATH = "/_artifact-edge/alarms"
"""GET answers `{"minute_seconds": 60}`. PUT of another number has CloudWatch's minute last so long, and so each period
of an alarm; the ages that other services of AWS tell it grow as much faster."""

MINUTE_SECONDS = 60.0
