"""Tests that L1, the cache at the edge, never reads the start of a request as the body of the request before it. A
PoP's NGINX sends requests to L1 without their bodies. If NGINX still announced the length of a client's body, L1 would
read that many bytes of the next request as the body.
"""

from __future__ import annotations

import http.client
import re
import ssl
from contextlib import closing

from infra.pop.machine_files import render
from infra.waf import WafArgs
from tests.support.own_pop import HOSTNAME, SETTINGS, running_front


def test_health_check_after_a_request_with_a_body_is_answered() -> None:
    with running_front(WafArgs()) as front:
        context = ssl.create_default_context(cafile=str(front.authority))
        # All requests use one client connection. One process of NGINX serves them, and it uses one connection to L1,
        # the PoP's cache.
        with closing(http.client.HTTPSConnection(HOSTNAME, front.port, context=context, timeout=60)) as client:
            statuses: list[int] = []
            for method, body in [("POST", b"x"), ("GET", None), ("PUT", b"x" * 100), ("GET", None)]:
                client.request(method, "/healthz", body)
                answer = client.getresponse()
                answer.read()
                statuses.append(answer.status)
    assert statuses == [200] * 4


def test_no_location_announces_a_body_that_it_does_not_send() -> None:
    """If NGINX announced a body without sending it, L1 would wait for the body until a timeout. Each such request for
    an object would take 10 s.
    """
    (configuration,) = [file.content for file in render(SETTINGS) if file.path.endswith("/nginx.conf")]
    locations = re.findall(r"^    location .*?^    }", configuration, re.MULTILINE | re.DOTALL)
    without_body = [location for location in locations if "proxy_pass_request_body off;" in location]
    assert len(without_body) == 5
    assert [each for each in without_body if 'proxy_set_header Content-Length "";' not in each] == []
