"""The sandbox's DNS: Geo-DNS from the records of the emulated Route 53, and the proxies of the client locations.

The modules in the order of a query: `server` (DNS messages), `answers` (zones and CNAME chains), `zones` and `records`
(hosted zones and their record sets), `routing` (routing policies), `health` (health checkers), `stand_ins` (names of
other owners on the internet), `route53` (reads zones and health checks from the emulated API), `client_locations`
(proxies for clients that cannot use another DNS server), `client` (queries to this server).
"""
