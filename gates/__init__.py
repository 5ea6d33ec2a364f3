"""What is asked of a plan before it may be applied: `python -m gates`.

Reads what Pulumi prints (`preview --json`, `stack export`) and nothing else, so that it works on any backend and cloud.
Two modules know the form of this program: `user_data.py` unpacks the boot files of its shields and reads their buckets
from Traffic Server's rules, and `rules.py` takes the machines of one component as a group, by their URNs.
"""
