"""What is asked of a plan before it may be applied: `python -m gates`.

Reads what Pulumi prints (`preview --json`, `stack export`) and nothing else, so that it works on any backend and cloud.
"""
