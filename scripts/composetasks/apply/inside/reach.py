"""What a program finds in its environment: names, package index, certificates, proxies, disk space.

The same program runs on this host, in a container and in a step of a build, so that the results can
be compared. It uses only the standard library, and imports everything at the top: the probe that
packs it sees only imported modules.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401 - names of hosts are encoded with it
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

SECONDS = 5.0
"""How long the package index may take for one answer."""
LONGEST_SECONDS = 15
"""How long the whole program may take."""
NAMED_BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""The files in which distributions keep certificate authorities."""
INOTIFY = "/proc/sys/fs/inotify"


def main() -> None:
    """Print what was found as JSON. The last argument is the index; with one more argument before
    it, a file name, the JSON is written to that file."""
    signal.alarm(LONGEST_SECONDS)
    answer = json.dumps(look(sys.argv[-1]))
    if len(sys.argv) > 2:
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            file.write(answer)
    else:
        print(answer, flush=True)


def look(index: str) -> dict[str, Any]:
    """Collect everything; no value in it contains a password."""
    proxies = urllib.request.getproxies_environment()
    index_url = _host_to_resolve(index, proxies)
    bundle = authorities()
    answer, distrust = reach(index, bundle)
    return {
        "looked_up": index_url,
        "resolved": unresolved(index_url),
        "answer": answer,
        "distrust": distrust,
        "authorities": bundle,
        "digest": _digest(bundle),
        "proxies": {name: without_user(value) for name, value in proxies.items() if value},
        "disk": _room(),
        "watching": [_limit("max_user_watches"), _limit("max_user_instances")],
    }


def _host_to_resolve(index: str, proxies: dict[str, str]) -> str:
    """The host whose name must be resolved: the index's or, if a proxy is used, the proxy's."""
    parts = urlsplit(index)
    host = parts.hostname or ""
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(host, proxies):
        return host
    return urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname or host


def without_user(address: str) -> str:
    """An address without its user and password."""
    scheme, separator, rest = address.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def unresolved(host: str) -> str:
    """Why a name cannot be resolved; "" if it can."""
    try:
        socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""


def authorities() -> str:
    """The file of certificate authorities that programs trust here; "" if there is none."""
    named = [os.environ.get(name, "") for name in NAMED_BUNDLES]
    for path in (*named, *BUNDLES):
        if path and os.path.isfile(path) and os.path.getsize(path):
            return path
    return ""


def reach(index: str, bundle: str) -> tuple[str, str]:
    """Why the index does not answer, and why its certificate is not trusted ("" for each if all is
    well). If the certificate is not trusted, the index is asked again without verification: only
    the request itself is sent, and the response is discarded."""
    distrust = ""
    if bundle:
        try:
            return _ask(index, ssl.create_default_context(cafile=bundle)), ""
        except ssl.SSLCertVerificationError as error:
            distrust = error.verify_message
        except ssl.SSLError as error:
            distrust = str(error.reason or error)  # a bundle that cannot be read
    careless = ssl.create_default_context()
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    try:
        return _ask(index, careless), distrust
    except ssl.SSLError as error:
        return str(error.reason or error), ""


def _ask(index: str, context: ssl.SSLContext) -> str:
    """Why no answer came, "" for any answer. Raises SSLError."""
    question = urllib.request.Request(index, method="HEAD")  # noqa: S310 - http or https
    handler = urllib.request.HTTPSHandler(context=context)
    try:
        with urllib.request.build_opener(handler).open(question, timeout=SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code}" if error.code in (407, 502, 503, 504) else ""
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            raise error.reason from error
        return str(getattr(error.reason, "strerror", None) or error.reason)
    except ssl.SSLError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def _digest(path: str) -> str:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]
    return ""


def _room() -> list[int]:
    """The total bytes, free bytes, total inodes and free inodes of the root file system."""
    stats = os.statvfs("/")
    return [
        stats.f_blocks * stats.f_frsize,
        stats.f_bavail * stats.f_frsize,
        stats.f_files,
        stats.f_favail,
    ]


def _limit(name: str) -> int:
    try:
        with open(f"{INOTIFY}/{name}", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0
