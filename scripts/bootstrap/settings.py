"""Creates ``.env`` if it is missing, and adds missing variables; a user's entries stay.

Usage: ``python -m bootstrap.settings hub|airgap [--no-password]``. COMPOSE_FILE and BASE_IMAGE
follow the source of images as long as they have the stack's own values. Passwords are generated
once; if ``.env`` was lost, the password of an existing database is read from its container. Copies
of the stack, which have their own databases, do not need that.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.source import decide
from bootstrap.stack import (
    AIRGAP,
    AIRGAP_BASE,
    COMPOSE,
    HUB_BASE,
    ROOT,
    Failure,
    docker,
    model,
    read_env,
)

PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105
EXAMPLE = "only-for-development"
"""The password in `.env.example`, which a database created without any `.env` has."""
SECRET = "postgres_password"  # noqa: S105
OF_ROLES = tuple(
    f"POSTGRES_{role}_PASSWORD" for role in ("WRITER", "READER", "MODERATOR", "CRAWLER", "AIRFLOW")
)
"""The database adopts these at each start, so lost ones need not be recovered."""
FILES = {"hub": COMPOSE, "airgap": f"{COMPOSE}:{AIRGAP}"}
BASES = {"hub": HUB_BASE, "airgap": AIRGAP_BASE}


class EnvFile:
    """The text of a ``.env``, changed line by line."""

    def __init__(self, text: str) -> None:
        self.text = text

    def set(self, name: str, value: str) -> None:
        """Set a variable: in its last line, which is the effective one, or in a new line."""
        lines = self.text.splitlines(keepends=True)
        pattern = re.compile(rf"\s*(export\s+)?{re.escape(name)}\s*=")
        places = [number for number, line in enumerate(lines) if pattern.match(line)]
        if places:
            ending = re.search(r"[\r\n]*$", lines[places[-1]])
            lines[places[-1]] = f"{name}={value}{ending.group() if ending else ''}"
        else:
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += "\n"
            lines.append(f"{name}={value}\n")
        self.text = "".join(lines)


def complete(
    env: EnvFile, values: Mapping[str, str], source: str, environment: Mapping[str, str]
) -> list[str]:
    """Add what ``env`` lacks for this source, except the password; return what was done."""
    said = []
    files = values.get("COMPOSE_FILE", "")
    if not files and environment.get("COMPOSE_FILE"):
        said.append("COMPOSE_FILE comes from the environment")
    elif not files:
        env.set("COMPOSE_FILE", FILES[source])
        said.append("COMPOSE_FILE added")
    elif not set(files.split(":")) <= {COMPOSE, AIRGAP}:
        said.append(f"COMPOSE_FILE={files} is yours and is kept")
    elif files != FILES[source]:
        env.set("COMPOSE_FILE", FILES[source])
        said.append(f"COMPOSE_FILE corrected to {FILES[source]}, was {files}")
    base = values.get("BASE_IMAGE", "")
    # The default needs no line, but a line with one of the stack's own values has to be right.
    if base != BASES[source] and (base in BASES.values() or (not base and source == "airgap")):
        env.set("BASE_IMAGE", BASES[source])
        said.append(f"BASE_IMAGE set to {BASES[source]}")
    return said


def password(root: Path) -> tuple[str, str]:
    """A password for a ``.env`` without one, and a message about it.

    Raises Failure, code 6, if a database exists whose password is lost.
    """
    stack = model(root)
    found = docker(
        *("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack['name']}")
    ).stdout.split()
    for container in json.loads(docker("inspect", *found).stdout) if found else []:
        value = _of_container(container)
        if value:
            return value, f"{PASSWORD} taken from container {container['Name'].lstrip('/')}"
    for volume in _volumes(stack):
        if docker("volume", "inspect", volume).returncode == 0:
            raise Failure(
                6,
                f"volume {volume} holds a database, but .env with its password is gone",
                f"a new {PASSWORD} would not open it",
                f"put the old .env back (if there never was one, put {PASSWORD}={EXAMPLE} into "
                f"a new one), or start with an empty database: docker volume rm {volume}",
            )
    return secrets.token_urlsafe(24), f"{PASSWORD} generated"


def _of_container(container: Mapping[str, Any]) -> str:
    """The password that a container was given: in the file of its secret, or, in older containers,
    in its environment."""
    for variable in container["Config"]["Env"] or []:
        name, _, value = variable.partition("=")
        if name == PASSWORD and value:
            return str(value)
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place, SECRET)
        source = f"{container['Id']}:/run/secrets/{SECRET}"
        if docker("cp", "--follow-link", source, str(copy)).returncode == 0:
            return copy.read_text().rstrip("\n")
    return ""


def _volumes(stack: Mapping[str, Any]) -> list[str]:
    """The names of the volumes of the services that get the password."""
    keys = {
        mount["source"]
        for service in stack["services"].values()
        if any(one["source"] == SECRET for one in service.get("secrets") or [])
        for mount in service.get("volumes") or []
        if mount["type"] == "volume" and mount.get("source")
    }
    return sorted(stack["volumes"][key]["name"] for key in keys)


def write(path: Path, text: str) -> None:
    """Write ``.env`` atomically, readable by its owner only; as root, for the owner of its
    folder."""
    path = path.resolve()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".env.")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        if os.geteuid() == 0:
            owner = (path if path.exists() else path.parent).stat()
            os.chown(name, owner.st_uid, owner.st_gid)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def provide(
    root: Path, source: str, environment: Mapping[str, str], *, with_password: bool = True
) -> str:
    """Complete ``.env`` for the source of images; return a message that says what was done."""
    path = root / ".env"
    values = read_env(root)
    made = not path.exists()
    text = "# Made by `make up`; .env.example lists what else can be set here.\n"
    if not made:
        # Bytes: CRLF line ends are preserved, so that `inv env` can report them.
        text = path.read_bytes().decode()
    env = EnvFile(text)
    said = complete(env, values, source, environment)
    if with_password and PASSWORD not in values and not environment.get(PASSWORD):
        value, words = password(root)
        env.set(PASSWORD, value)
        said.append(words)
    missing = [name for name in OF_ROLES if name not in values and not environment.get(name)]
    if with_password and missing:
        for name in missing:
            env.set(name, secrets.token_urlsafe(24))
        said.append("passwords of the database's roles generated")
    if made or env.text != text:
        write(path, env.text)
    return f".env {'created' if made else 'exists'}" + (f" ({'; '.join(said)})" if said else "")


def main() -> int:
    """Print one line that says what was done."""
    try:
        source = sys.argv[1] if len(sys.argv) > 1 else decide(ROOT, os.environ)[0]
        if source not in FILES:
            raise Failure(2, f"unknown source of images {source!r}", "", "use hub or airgap")
        words = provide(ROOT, source, os.environ, with_password="--no-password" not in sys.argv)
    except Failure as failure:
        return failure.show("settings")
    except OSError as error:
        return Failure(1, ".env can't be written", str(error), "check that file").show("settings")
    print(f"bootstrap: settings: {words}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
