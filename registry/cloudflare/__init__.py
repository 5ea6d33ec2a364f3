"""The client of Cloudflare's API for Workers KV and cache purges; the command line and workers/ share it.

The archives of Lambda functions contain the client's modules. Therefore the modules import only the standard library,
urllib3 and contract/.
"""
