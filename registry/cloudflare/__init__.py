"""Clients of Cloudflare's API, for entries in Workers KV, and of the edge worker, for cache purges.

The registry's command line and the functions in workers/ use these clients. The archives of Lambda functions contain
modules of this folder. The modules therefore need no library except urllib3 and Python's standard library.
"""
