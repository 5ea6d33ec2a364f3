"""The client of Cloudflare's API for Workers KV and cache purges; the command line and workers/ share it.

Function archives hold these modules, so they import nothing but the standard library, urllib3 and contract/.
"""
