"""Probes check on real clouds whether the clouds behave as their documentation says.

The Pulumi program depends on some documented facts, which docs/fidelity.md lists. The emulated clouds behave as
documented. If a probe finds that a real cloud behaves differently, the emulation is wrong as well.
"""
