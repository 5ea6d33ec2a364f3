"""The client of Cloudflare's API for Workers KV and cache purges; the command line and workers/ share it.

The archives of Lambda functions hold these modules. So the modules import only the standard library,
urllib3 and contract/.
"""
