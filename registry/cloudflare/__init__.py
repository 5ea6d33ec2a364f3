"""Clients of Cloudflare's API and of the edge worker. The registry uses the API to read and write entries in Workers
KV. It sends purge requests to the edge worker, which then purges objects from its cache.

The registry's command line and the functions in workers/ use these clients. The archives of Lambda functions contain
modules of this folder. These modules therefore need only urllib3 and Python's standard library.
"""
