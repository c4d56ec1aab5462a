"""The engine that the docker client would use, and how it is reached: DOCKER_HOST, DOCKER_CONTEXT,
the context chosen by ``docker context use``, or the local socket.

A context is a file below the docker client's folder, named by the SHA-256 of its name, with its
certificates in another folder (docs.docker.com, "Docker contexts"). The SDK finds contexts only if
the client's folder also has a ``config.json``, which is otherwise not required.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts.frozen import frozen
from composetasks.run.compose import docker_folder

if TYPE_CHECKING:
    from docker.tls import TLSConfig

DEFAULT = "unix:///var/run/docker.sock"
TCP_PORT = 2375
WITHOUT_TLS = ("unix://", "ssh://", "npipe://", "fd://")
"""The schemes of addresses for which certificates have no meaning."""


@frozen
class Endpoint:
    """An engine's address ("" for a missing context), how it was chosen, in words, and the folder
    of its certificates (``ca.pem``, ``cert.pem``, ``key.pem``; None: no TLS). ``verified`` is true
    if the engine must prove its identity."""

    how: str
    address: str
    certificates: Path | None = None
    verified: bool = False

    def tls(self) -> TLSConfig | None:
        """Return the SDK's TLS configuration. Raises its TLSParameterError if files are missing."""
        if self.certificates is None:
            return None
        from docker.tls import TLSConfig

        pair = self.certificates / "cert.pem", self.certificates / "key.pem"
        ca = self.certificates / "ca.pem"
        return TLSConfig(
            client_cert=(str(pair[0]), str(pair[1])) if os.path.exists(pair[0]) else None,
            ca_cert=str(ca) if self.verified and os.path.exists(ca) else None,
            verify=self.verified,
        )


def chosen() -> Endpoint:
    """Return the engine in use."""
    host = _written_out(os.environ.get("DOCKER_HOST", ""))
    name = "" if host else _context_name()
    if name:
        return of_context(name)
    # As in the docker client, certificates alone do not enable TLS.
    verified = bool(os.environ.get("DOCKER_TLS_VERIFY"))
    encrypted = verified or bool(os.environ.get("DOCKER_TLS"))
    folder = Path(os.environ.get("DOCKER_CERT_PATH") or docker_folder(os.environ))
    if not host:
        return Endpoint("the default", DEFAULT)
    if not encrypted or host.startswith(WITHOUT_TLS):
        return Endpoint("DOCKER_HOST", host)
    return Endpoint("DOCKER_HOST", host, folder, verified)


def _written_out(host: str) -> str:
    """Return DOCKER_HOST as the docker client reads it: an address without a scheme or a port is
    tcp:// at port 2375 (ParseTCPAddr in github.com/docker/cli/opts/hosts.go)."""
    scheme, separator, rest = host.strip().rpartition("://")
    if (not rest and not scheme) or (separator and scheme != "tcp"):
        return host.strip()
    parts = re.fullmatch(r"(\[[^\]/]*\]|[^][:/]*)(?::(\d*))?(/.*)?", rest)
    if parts is None:
        return host.strip()
    name, port, path = parts.groups()
    return f"tcp://{name or 'localhost'}:{port or TCP_PORT}{path or ''}"


def of_context(name: str) -> Endpoint:
    """Return the engine of a context."""
    how, key = f"context {name}", hashlib.sha256(name.encode()).hexdigest()
    contexts = docker_folder(os.environ) / "contexts"
    try:
        meta: Any = json.loads((contexts / "meta" / key / "meta.json").read_text("utf-8"))
        engine = meta["Endpoints"]["docker"]
        address, skips = str(engine["Host"]), bool(engine.get("SkipTLSVerify"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Endpoint(how, "")
    folder = contexts / "tls" / key / "docker"
    if not os.path.isdir(folder):
        return Endpoint(how, address)
    return Endpoint(how, address, folder, verified=not skips)


def _context_name() -> str:
    """Return the name of the context in use; "" for the default one."""
    name = os.environ.get("DOCKER_CONTEXT", "")
    if not name:
        try:
            name = json.loads((docker_folder(os.environ) / "config.json").read_text("utf-8")).get(
                "currentContext", ""
            )
        except (OSError, ValueError, AttributeError):
            name = ""
    return "" if name == "default" else name
