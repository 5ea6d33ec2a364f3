"""The plan gate: checks that a Pulumi plan or state must pass before it may be applied (`python -m gates`).

The checks read only what Pulumi prints (`preview --json`, `stack export`), so they work on any backend and cloud. Two
modules depend on the structure of this repository's Pulumi program. `user_data.py` unpacks the boot files of the
shields and reads their buckets from Traffic Server's rules. `rules.py` groups the machines of one component by their
URNs.
"""
