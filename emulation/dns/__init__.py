"""The sandbox's DNS: Geo-DNS answered from the emulated Route 53, and the client locations that clients look from.

The files in the order of a query: `server` (the wire), `answers` (zones, CNAME chains), `zones` and `records` (what
Route 53 has), `routing` (its policies), `health` (its checkers), `stand_ins` (names that belong to others on the
internet), `route53` (where records come from), `client_locations` (proxies for clients that take no DNS server),
`client`.
"""
