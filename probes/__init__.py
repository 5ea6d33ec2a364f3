"""Probes check on real clouds the documented facts on which this program depends.

docs/fidelity.md lists the documented facts. The emulated clouds behave as documented too. If a probe finds that a real
cloud behaves differently, the emulation is wrong as well.
"""
