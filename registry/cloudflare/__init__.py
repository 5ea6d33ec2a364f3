"""Clients for Cloudflare. The clients of Cloudflare's API read and write entries in Workers KV. The clients of the edge
worker send it purge requests, and the worker then purges objects from its cache.

The registry's command line and the functions in workers/ use these clients. The archives of Lambda functions contain
modules of this folder. These modules therefore need only urllib3 and Python's standard library.
"""
