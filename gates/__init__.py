"""The plan gate (`python -m gates`): checks a Pulumi plan before `pulumi up` applies it. Some checks also accept a
Pulumi state.

The checks read only what Pulumi prints (`preview --json`, `stack export`), so they work on any backend and cloud. Two
modules depend on the structure of this repository's Pulumi program. `user_data.py` unpacks the boot files of a shield
(a regional cache), and finds the shield's buckets in Traffic Server's rules. `rules.py` groups the machines of one
component by their URNs.
"""
