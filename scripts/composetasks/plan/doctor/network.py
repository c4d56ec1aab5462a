"""Names, the package index, proxies and certificates: this host, a container and a build step
compared with each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from composetasks.facts import Check, Reach
from composetasks.plan.doctor.verdict import failed, ok, warning

PLACES = {"host": "this host", "container": "a container", "builder": "a build"}


REGISTRY_FIXES = {
    "HTTP response to HTTPS client": "it speaks only HTTP: give it a certificate, or add {host} to "
    "`insecure-registries` of the engine's daemon.json",
    "x509": "install its certificate authority on the engine's host, in "
    "/etc/docker/certs.d/{host}/ca.crt",
    "no basic auth credentials": "`docker login {host}`",
    "authentication required": "`docker login {host}`, as a user who may read there",
    "denied": "`docker login {host}`, as a user who may read there",
}
"""What to do, by the engine's message about a registry."""


def registry(name: str, refusal: str) -> Check:
    """The registry for sharing images: whether it answers the engine with this user's login."""
    if not name:
        return ok("registry", "no registry is set for sharing built images (`stack.registry`)")
    if not refusal:
        return ok("registry", f"the engine reaches {name}")
    host = name.partition("/")[0]
    fixes = (fix for words, fix in REGISTRY_FIXES.items() if words in refusal)
    fix = next(fixes, "make sure that the engine's host reaches {host}")
    return warning("registry", f"{name}: {refusal}", fix.format(host=host))


def ran(name: str, reach: Reach) -> Check:
    """A container or a build that ran."""
    word = "a container ran" if reach.place == "container" else "a build ran"
    return ok(name, f"{word}, from {reach.image or 'an empty image'}")


def dns(container: Reach, host: Reach | None) -> Check:
    """Whether a container can resolve names."""
    name = container.looked_up
    if not container.resolved:
        return ok("dns", f"a container resolves {name}")
    if host is not None and host.resolved:
        return warning(
            "dns",
            f"neither a container nor this host resolves {name} ({host.resolved})",
            "without a network, only what is on this engine already can be built and started",
        )
    return failed(
        "dns",
        f"a container can't resolve {name} ({container.resolved}), but this host can",
        'give the engine a name server that containers can reach: "dns" in its daemon.json',
    )


def package_index(reaches: Collection[Reach], missing: Collection[str]) -> Check:
    """Whether the package index can be reached from everywhere; ``missing`` are the places that
    could not be tested."""
    bad = [one for one in reaches if one.answer]
    host = next((one for one in reaches if one.place == "host"), None)
    index = next((one.looked_up for one in reaches), "the package index")
    if not bad:
        lacks = f" (not asked from {_places(missing)})" if missing else ""
        return ok("package-index", f"{index} answers {_words(reaches)}{lacks}")
    answers = "; ".join(f"{PLACES[one.place]}: {one.answer}" for one in bad)
    if host is None or host.answer:
        return warning(
            "package-index",
            f"the package index does not answer ({answers})",
            "without it, no image that installs packages can be built; check the network and "
            "proxies",
        )
    return failed(
        "package-index",
        f"this host reaches the package index, but not every place does ({answers})",
        "see proxy and dns above; firewalls often block containers but not the host",
    )


def _words(reaches: Iterable[Reach]) -> str:
    return _places(one.place for one in reaches)


def _places(places: Iterable[str]) -> str:
    words = [PLACES[one] for one in places]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1] if words else ""]))


def proxy(reaches: Collection[Reach], daemon: Mapping[str, str]) -> Check:
    """The proxies of this host, the engine, a container and a build. Differences matter only if
    something can't be reached."""
    seen = {PLACES[one.place]: _proxies(one.proxies) for one in reaches}
    seen["the engine"] = _proxies(daemon)
    different = set(seen.values())
    shown = "; ".join(f"{place}: {proxies}" for place, proxies in seen.items())
    if different == {"none"}:
        return ok("proxy", "none on this host, in the engine, in a container or in a build")
    if len(different) == 1:
        return ok("proxy", f"the same everywhere: {seen['the engine']}")
    if not any(one.answer for one in reaches):
        return ok("proxy", f"different, but all reach the package index ({shown})")
    return warning(
        "proxy",
        f"different, and not all reach the package index ({shown})",
        'containers and builds take them from "proxies" in ~/.docker/config.json, the engine '
        "from the environment of its service; 127.0.0.1 is a different machine in each of them",
    )


def _proxies(variables: Mapping[str, str]) -> str:
    """The addresses of proxies; passwords were removed when they were read."""
    addresses = sorted(
        {value.rstrip("/") for name, value in variables.items() if name in ("http", "https")}
    )
    return ", ".join(addresses) or "none"


def certificates(reaches: Collection[Reach]) -> Check:
    """Whether the index's certificate is trusted wherever there are certificate authorities."""
    bad = [one for one in reaches if one.distrust]
    host = next((one for one in reaches if one.place == "host"), None)
    if bad:
        shown = "; ".join(
            f"{PLACES[reach.place]}{f' from {reach.image}' if reach.image else ''}, by "
            f"{reach.authorities}: {reach.distrust}"
            for reach in bad
        )
        if host is not None and host.distrust:
            return failed(
                "certificates",
                f"the certificate of {host.looked_up} is not trusted ({shown})",
                "check the clock; if a proxy signs with its own certificate, add its authority to "
                "this host's (update-ca-certificates), and point SSL_CERT_FILE to them",
            )
        return failed(
            "certificates",
            f"this host trusts the certificate of {bad[0].looked_up}, but not every place does "
            f"({shown})",
            "add this host's authorities to the image: copy them to "
            "/usr/local/share/ca-certificates, run update-ca-certificates, and set PIP_CERT and "
            "SSL_CERT_FILE",
        )
    believing = [one for one in reaches if one.authorities and not one.answer]
    if not believing:
        return ok(
            "certificates",
            "not checked: no place that reaches the index has certificate authorities",
        )
    without = [one for one in reaches if not one.authorities]
    lacks = f"; no certificate authorities in {_words(without)}" if without else ""
    return ok(
        "certificates",
        f"that of {believing[0].looked_up} is trusted by {_words(believing)}{lacks}",
    )
