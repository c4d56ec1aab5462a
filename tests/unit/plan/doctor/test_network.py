"""What the doctor makes of what this host, a container and a build see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from composetasks.facts import Reach, Status
from composetasks.plan.doctor import network

CA = "/etc/ssl/certs/ca-certificates.crt"
HOST = Reach("host", "index.test", "", "", "", CA)
CONTAINER = replace(HOST, place="container", image="shop-web")
BUILD = replace(HOST, place="builder", image="base:1")
UNTRUSTED = "self-signed certificate in certificate chain"


def test_everything_reached_is_fine() -> None:
    every = [HOST, CONTAINER, BUILD]
    for check in (
        network.dns(CONTAINER, HOST),
        network.package_index(every, []),
        network.proxy(every, {}),
        network.certificates(every),
    ):
        assert (check.status, check.hint) == (Status.OK, ""), check
    assert "this host, a container and a build" in network.package_index(every, []).message


def test_a_name_that_a_container_alone_cannot_resolve() -> None:
    deaf = replace(CONTAINER, resolved="Temporary failure in name resolution")
    check = network.dns(deaf, HOST)
    assert check.status is Status.FAILED
    assert "index.test (Temporary failure" in check.message
    assert "daemon.json" in check.hint


def test_without_a_network_a_container_is_not_to_blame() -> None:
    cut = "Temporary failure in name resolution"
    offline = replace(HOST, resolved=cut, answer=cut)
    check = network.dns(replace(CONTAINER, resolved=cut), offline)
    assert check.status is Status.WARNING
    index = network.package_index([offline, replace(CONTAINER, answer=cut)], [])
    assert index.status is Status.WARNING


def test_an_index_that_only_this_host_reaches() -> None:
    check = network.package_index([HOST, CONTAINER, replace(BUILD, answer="timed out")], [])
    assert check.status is Status.FAILED
    assert "a build: timed out" in check.message
    assert "a container:" not in check.message


def test_the_places_that_could_not_be_asked_are_named() -> None:
    check = network.package_index([HOST], ["container", "builder"])
    assert check.status is Status.OK
    assert "not asked from a container and a build" in check.message


def test_an_authority_that_only_this_host_has() -> None:
    check = network.certificates([HOST, replace(CONTAINER, distrust=UNTRUSTED), BUILD])
    assert check.status is Status.FAILED
    assert f"a container from shop-web, by {CA}: {UNTRUSTED}" in check.message
    assert "update-ca-certificates" in check.hint


def test_an_authority_that_not_even_this_host_has() -> None:
    check = network.certificates([replace(HOST, distrust=UNTRUSTED)])
    assert check.status is Status.FAILED
    assert "SSL_CERT_FILE" in check.hint


def test_an_image_without_authorities_is_named_and_no_failure() -> None:
    check = network.certificates([HOST, replace(CONTAINER, authorities="")])
    assert check.status is Status.OK
    assert "no certificate authorities in a container" in check.message


def test_proxies_that_differ_matter_where_something_is_not_reached() -> None:
    proxied = replace(HOST, proxies={"https": "http://proxy:3128", "no": "localhost"})
    check = network.proxy([proxied, CONTAINER], {})
    assert check.status is Status.OK
    assert "this host: http://proxy:3128; a container: none; the engine: none" in check.message
    check = network.proxy([proxied, replace(CONTAINER, answer="timed out")], {})
    assert check.status is Status.WARNING
    assert "config.json" in check.hint


def test_the_same_proxy_everywhere_is_fine() -> None:
    proxies = {"http": "http://proxy:3128/", "https": "http://proxy:3128"}
    every = [replace(one, proxies=proxies) for one in (HOST, CONTAINER, BUILD)]
    check = network.proxy(every, {"https": "http://proxy:3128"})
    assert check.status is Status.OK
    assert "the same everywhere: http://proxy:3128" in check.message


@pytest.mark.parametrize(
    ("refusal", "fix"),
    [
        ("no basic auth credentials", "`docker login hub:5000`"),
        ("http: server gave HTTP response to HTTPS client", "speaks only HTTP"),
        ("x509: certificate signed by unknown authority", "/etc/docker/certs.d/hub:5000/ca.crt"),
        ("no such host", "make sure that the engine's host reaches hub:5000"),
    ],
)
def test_a_registry_that_is_of_no_use_is_told_with_what_to_do(refusal: str, fix: str) -> None:
    check = network.registry("hub:5000/shop", refusal)
    assert check.status is Status.WARNING
    assert refusal in check.message
    assert fix in check.hint


def test_a_registry_that_answers_and_none_at_all() -> None:
    assert network.registry("hub:5000/shop", "").status is Status.OK
    assert network.registry("", "").status is Status.OK
