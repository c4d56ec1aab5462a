"""Secrets planted in a project, and the search for them in everything a run leaves.

``plant`` gives a project secrets of every kind that is a secret to composetasks: by their name, by
``# type: secret``, inside a URL, of several lines, with characters that are written differently in
JSON, YAML and URLs, in ``.env`` and in the process; and those that the model itself declares.
``leaks`` looks for each of them, in every spelling, in texts and in all files below a folder.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.project import Project, Ran

IMAGE = "planted:1"
SHOWN = 12
"""How many characters of a digest tell a guessed secret from another."""


@dataclass(frozen=True)
class Planted:
    """Secrets by the variable that holds them. ``sources`` are the files they were written to on
    purpose, where they are not looked for."""

    values: Mapping[str, str]
    sources: Collection[Path] = ()

    def leaks(self, *runs: Ran | str, folder: Path | None = None) -> list[str]:
        """Where a secret is to be seen, and how it is spelled there; empty where nowhere."""
        texts: list[tuple[str, bytes]] = []
        for number, run in enumerate(runs, 1):
            if isinstance(run, Ran):
                texts.append((f"stdout of run {number}", run.out.encode()))
                texts.append((f"stderr of run {number}", run.err.encode()))
            else:
                texts.append((f"text {number}", run.encode()))
        if folder is not None:
            texts += self._files(folder)
        return [
            f"{where}: {name}, {spelling}"
            for where, content in texts
            for name, value in self.values.items()
            for spelling, spelled in spellings(value).items()
            if spelled in content
        ]

    def _files(self, folder: Path) -> Iterator[tuple[str, bytes]]:
        for path in sorted(folder.rglob("*")):
            where = str(path.relative_to(folder))
            yield f"name of {where}", where.encode()
            if path.is_file() and not path.is_symlink() and path not in self.sources:
                content = path.read_bytes()
                yield where, content
                yield from _unpacked(path, content)


def _unpacked(path: Path, content: bytes) -> Iterator[tuple[str, bytes]]:
    """What is inside a compressed file or an archive: its names and contents."""
    if content[:4] == b"\x28\xb5\x2f\xfd":
        import zstandard

        content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
        yield f"{path.name} unpacked", content
    elif content[:2] == b"\x1f\x8b":
        content = zlib.decompress(content, wbits=31)
        yield f"{path.name} unpacked", content
    elif tarfile.is_tarfile(path):
        yield f"{path.name} unpacked", content


def spellings(value: str) -> dict[str, bytes]:
    """The forms in which a value may be found; its digests too: who guesses a password can try it
    against one."""
    forms = {
        "as it is": value,
        "in JSON": json.dumps(value)[1:-1],
        "in JSON in JSON": json.dumps(json.dumps(value)[1:-1])[1:-1],
        "in Python": repr(value)[1:-1],
        "in a URL": quote(value, safe=""),
        "in a form": quote_plus(value),
        "as Compose escapes it": value.replace("$", "$$"),
        "in YAML": value.replace("'", "''"),
        "for a shell": value.replace("'", "'\"'\"'"),
        "in base64": base64.b64encode(value.encode()).decode().rstrip("="),
        "in hexadecimal": value.encode().hex(),
        "reversed": value[::-1],
    }
    for line in value.splitlines()[:-1]:
        if len(line) > 12 and not line.startswith("-----"):
            forms["one line of it"] = line
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, value.encode(), usedforsecurity=False).hexdigest()
        forms[f"its {name}"] = digest[:SHOWN]
    first: dict[bytes, str] = {}
    for form, text in forms.items():
        first.setdefault(text.encode(), form)
    return {form: text for text, form in first.items()}


KEY = """-----BEGIN PRIVATE KEY-----
MIIEvQIBADANplantedBgkqhkiG9w0BAQEFAASC
Uu3plantedQm7xDk1c9FzWv0yT2sJ8aLhRbN4eK
-----END PRIVATE KEY-----"""

EXAMPLE = """\
# composetasks: env
# type: secret
DB_PASSWORD=dev
# A word for those who know, whose name does not say that it is a secret.
# type: secret
WATCHWORD=open-sesame
# type: url
DATABASE_URL=postgres://shop@db/shop
API_TOKEN=
PRIVATE_KEY=
# type: int 1..9
WORKERS=1
"""

LITERAL = {
    "a file's content": "planted in a file 2Wq8",
    "a variable that only the model calls a secret": "planted-in-note-5Rt1",
    "an argument of a build": "plantedcnryT0kAQz7",
    "a literal in environment": "planted-literal-8Yh3",
    "a part of a connection string": "planted-in-dsn-6Tz4",
    "a line of a config": "planted-in-config-3Wq9",
    "a flag of a command": "planted-in-flag-1Lp7",
    "the password of a health check": "planted-in-check-5Jb3",
    "an extension field": "planted-in-extension-7Gc4",
    "an option of a network that nobody uses": "planted-in-option-2Zn8",
    "a comment": "planted-in-comment-6Ue1",
    "a hook": "planted-in-hook-9Rw2",
    "a webhook": "T0PLANTED/B0PLANTED/planted9Xk2bQ",
    "a variable with another's value": "planted-twice-4Bv6",
}
"""Secrets that the compose file itself declares, by where they stand."""

SERVICES = """\
# The old password was planted-in-comment-6Ue1.
x-credentials: {{password: planted-in-extension-7Gc4}}
networks:
  unused: {{driver_opts: {{auth_token: planted-in-option-2Zn8}}}}
secrets:
  certificate: {{file: ./certificate.txt}}
  note: {{environment: PLANTED_NOTE}}
configs:
  app:
    content: |
      database:
        db_password: planted-in-config-3Wq9
services:
  db:
    image: {image}
    command: [sleep, "3600"]
    init: true
    stop_grace_period: 1s
    environment:
      DB_PASSWORD: ${{DB_PASSWORD}}
      PRIVATE_KEY: ${{PRIVATE_KEY}}
      SESSION_SECRET:
      DBPASS: planted-literal-8Yh3
      PGDSN: host=db user=shop password=planted-in-dsn-6Tz4
      APP_LOGIN: ${{APP_LOGIN}}
      SAME_PASSWORD: ${{SAME_PASSWORD}}
    secrets: [certificate, note]
    configs: [app]
    labels:
      watchword: ${{WATCHWORD}}
      notify: https://hooks.slack.com/services/T0PLANTED/B0PLANTED/planted9Xk2bQ
  web:
    image: {image}
    command: [sh, -c, "sleep 360${{WORKERS:-1}}", "--password=${{DB_PASSWORD}}", --api-token,
      planted-in-flag-1Lp7]
    init: true
    stop_grace_period: 1s
    environment:
      - DATABASE_URL=${{DATABASE_URL}}
      - GREETING=the word is ${{WATCHWORD}}
      - API_TOKEN=${{API_TOKEN}}
    healthcheck:
      test: [CMD-SHELL, "true || curl -u admin:planted-in-check-5Jb3 http://localhost"]
      interval: 1s
    post_start:
      - command: ["true", --token, planted-in-hook-9Rw2]
    depends_on: [db]
"""


def plant(project: Project, image: str = IMAGE) -> Planted:
    """Give a project a compose file, ``.env.example`` and ``.env`` with secrets in them, and its
    process another one."""
    values = {
        "DB_PASSWORD": "planted'\"x\\1 ü&p",
        "WATCHWORD": "planted-watchword-7F",
        "API_TOKEN": "planted_token_9Qm7xDk1",
        "PRIVATE_KEY": KEY,
    }
    in_url = "planted-in-url-4eK"
    process = {"SESSION_SECRET": "planted session $ecret 5"}
    twice = LITERAL["a variable with another's value"]
    written = [
        'DB_PASSWORD="planted\'\\"x\\\\1 ü&p"',
        f"WATCHWORD={values['WATCHWORD']}",
        f"DATABASE_URL=postgres://shop:{in_url}@db/shop",
        f"API_TOKEN={values['API_TOKEN']}",
        f'PRIVATE_KEY="{KEY}"',
        f"APP_LOGIN={twice}",
        f"SAME_PASSWORD={twice}",
    ]
    process["PLANTED_NOTE"] = LITERAL["a variable that only the model calls a secret"]
    project.compose(SERVICES.format(image=image))
    certificate = project.write("certificate.txt", LITERAL["a file's content"] + "\n")
    project.write(".env.example", EXAMPLE)
    env_file = project.write(".env", "\n".join(written) + "\n")
    env_file.chmod(0o600)
    project.environment.update(process)
    model = project.folder / "compose.yaml"
    return Planted(
        {**LITERAL, **values, "DATABASE_URL": in_url, **process}, (env_file, certificate, model)
    )
