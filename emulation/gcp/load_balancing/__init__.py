"""Emulates the configuration of Google Cloud's global external proxy Network Load Balancer: which resources exist, and
which combinations Compute Engine refuses. No connection passes through an emulated load balancer.
"""
