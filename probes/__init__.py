"""Probes: scripts that check documented facts of the real clouds, on which this program depends.

docs/fidelity.md lists the facts. The emulated clouds enforce them, and a probe shows that the real cloud does so too.
"""
