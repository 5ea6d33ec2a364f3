"""The client of Cloudflare's API for Workers KV and cache purges; the registry's command line and the functions in
workers/ use this client.

The archives of Lambda functions contain the client's modules. Therefore the modules import only the standard library,
urllib3 and contract/.
"""
