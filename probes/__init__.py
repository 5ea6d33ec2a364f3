"""Probes are checks on real clouds: does a cloud behave as its documentation says?

The Pulumi program and the emulated clouds rely on documented facts, which docs/fidelity.md lists. If a probe finds that
a real cloud behaves differently, the emulation is wrong, too.
"""
