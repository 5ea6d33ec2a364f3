"""Serves the sandbox's DNS: Geo-DNS from the records of the emulated Route 53, and a proxy for each client location.

The modules: `server` (DNS messages), `answers` (zones and CNAME chains), `zones` and `records` (hosted zones and their
record sets), `routing` (routing policies), `health` (health checkers), `stand_ins` (names of AWS and Google Cloud
APIs), `route53` (reads zones and health checks from Route 53's API), `client_locations` (proxies for clients that
cannot use another DNS server), `client` (queries to this server).
"""
