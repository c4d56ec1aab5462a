"""Recognizes secrets: names whose values are secret, and the parts of a text that are secrets.

A secret is recognized by the name it is assigned to (``DB_PASSWORD``, ``AccountKey=...`` within a
connection string), as the user part of a URL, and by its shape: the patterns of tokens and keys
come from detect-secrets. :mod:`composetasks.run.masking` masks the results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

SECRET_NAME = re.compile(
    r"PASSW|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|WEBHOOK|CONTRASE(?:Ñ|N)A"
    r"|(?:API|ACCESS|ACCOUNT|AUTH|CLIENT|MASTER|PRIVATE|SHARED|SIGNING|ENCRYPTION|SERVICE)_?KEY"
    r"|[_-]KEY(?:_?V?\d+)?$|(?<!COM)(?<!BY)(?<!TRES)PASS\d*$|\w_PWD$|(?:^|[_-])(?:AUTH|SALT|PEPPER)$",
    re.IGNORECASE,
)
ABOUT_A_SECRET = re.compile(
    r"(?:^|[_-])(?:FILE|PATH|DIR|NAME|ID|TTL|TIMEOUT|EXPIRY|EXPIRES|LENGTH|ENABLED|REQUIRED|LIMIT"
    r"|COUNT|ALGORITHM|TYPE|METHOD|ISSUER)$"
    r"|(?:PASSW(?:OR)?D|SECRET|TOKEN|KEY)_URL$|PUBLIC_?KEY|TOKENI[SZ]|(?:MAX|MIN|NUM)_TOKENS",
    re.IGNORECASE,
)
ASSIGNED = re.compile(
    r"(?P<name>[A-Za-z_][\w.-]{0,100})(?P<sign>(?:\\{0,3}[\"'])?\s{0,3}(?:=|:(?!//))\s{0,3}|(?<=\w)\s{1,20})"
    r"(?=(?P<quote>\\{0,3}[\"']|)[^\s\"';,&#])"
)
"""A name with a value assigned to it: ``password=x``, ``"password": "x y"``, ``AccountKey=x;``,
``--password x``. Repetitions here and in all patterns below are bounded: a container may print very
long lines, and the matching time must not grow with the square of the length."""
BARE = re.compile(r"[^\s\"';,&#]+")
QUOTED = {
    '"': re.compile(r'(?:[^"\\\n]|\\.)+(?=")'),
    "'": re.compile(r"(?:[^'\\\n]|\\.)+(?=')"),
}
"""A value without quotes, and in quotes; if the second quote is missing, the first word."""
URL_USER = re.compile(
    r"(?<=://)(?P<user>[^\s/:@?#\"']*)"
    r"(?::(?P<password>(?!\d{1,5}[/?#]|//)[^\s\"'@]{1,1000}(?:@[^\s\"'/@]+)*))?@(?=[\w\[.-])"
)
"""The user part of a URL (RFC 3986, 3.2.1). The RFC allows no slash in a password, but such URLs
are written nevertheless; digits before a slash are a port."""
HARMLESS_USERS = frozenset({"", "git", "anonymous"})
AUTHORIZATION = re.compile(
    r"authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer|basic|token)\s{1,3}(?P<value>[\w.~+/=-]{4,})",
    re.IGNORECASE,
)
"""An HTTP header (RFC 9110, 11.4), as health checks send it."""
_ARGUMENTS, _WORD = r"\b[^|;&\n]{0,300}?\s", r"[\"']?(?P<value>[^\s\"']+)"
PASSWORD_FLAGS = tuple(
    re.compile(program + _ARGUMENTS + flag + _WORD)
    for program, flag in (
        ("curl", r"(?:-u|--user|-U|--proxy-user)[\s=]?[\"']?[^\s:\"']*:"),
        (r"(?:mysql|mariadb)[\w-]{0,30}", "-p"),
        ("redis-cli", r"-a\s{1,3}"),
        (r"(?:mongo(?:sh|dump|restore)?|sshpass)", r"-p\s{0,3}"),
        (r"ldap\w{1,30}", r"-w\s{1,3}"),
    )
)
"""Programs used in health checks whose password option is not recognizable by its name."""
TOKEN_LIKE = re.compile(
    r"(?<![\w+=.~-])(?=[\w+=.~-]*\d)(?=[\w+=.~-]*[A-Za-z])[\w+=.~-]{16,}|-----BEGIN "
)
"""A word that may match the token patterns: long, with letters and digits."""
OF_A_KIND = re.compile(
    r"AKC|AP[\dA-F]|A3T|ABIA|ACCA|AKIA|ASIA|AC[a-z0-9]{32}|SK[a-z0-9]{32}|GR1348941|SG\.|T3BlbkFJ|eyJ"
    r"|gh[pousr]_|gl[a-z]{2,6}-|pypi-|sq0csp-|[rs]k_live_|-us\d|\d{8}:[\w-]{35}"
    r"|[MNO][\w-]{23,25}\.[\w-]{6}\.|BEGIN|PuTTY|(?i:xox|slack|softlayer|cloudant|key|pwd?|pass|token)"
)
"""A text that each token pattern requires. Loading the patterns takes a tenth of a second, and most
environments contain long words that are not tokens: session numbers, commits, temporary folders."""
WEBHOOK = re.compile(
    r"(?<=://)(?:hooks\.[^\s/]+|[^\s/]+/(?:api/)?webhooks?)/(?P<path>[^\s\"']{8,})"
)
"""A URL that works without a password: anybody who knows it may post."""


def secret_name(name: str) -> bool:
    """Whether a name says that its value is a secret (``DB_PASSWORD``, ``DBPASS``, ``API_KEY``,
    ``SESSION_SALT``; not ``PASSWORD_FILE``, ``PWD`` or ``MAX_TOKENS``)."""
    return bool(SECRET_NAME.search(name)) and not ABOUT_A_SECRET.search(name)


def spans(text: str, *, loose: bool) -> Iterator[tuple[int, int]]:
    """The parts of ``text`` that are secrets, as positions: passwords and tokens in URLs, and words
    assigned to secret names (``name=word``). ``loose`` is for text known to be configuration: there
    ``name: word`` and ``--name word`` are assignments too, and words with the shape of a well-known
    token are secrets.
    """
    if "://" in text:
        yield from _in_urls(text)
    if SECRET_NAME.search(text):
        yield from _assigned(text, loose)
    if loose:
        yield from _in_command(text)
    if loose and TOKEN_LIKE.search(text) and OF_A_KIND.search(text):
        for pattern in token_patterns():
            for match in pattern.finditer(text):
                yield match.span()


def parts(text: str) -> Iterator[str]:
    """The parts of a configuration's ``text`` that are secrets, by name, place and shape."""
    for start, end in spans(text, loose=True):
        yield text[start:end]


def replaced(text: str, stand_in: Callable[[str], str]) -> str:
    """``text`` with each secret replaced by the result of ``stand_in``."""
    end, pieces = 0, []
    for first, last in sorted(spans(text, loose=False)):
        if first >= end:
            pieces += [text[end:first], stand_in(text[first:last])]
            end = last
    return "".join([*pieces, text[end:]])


def _in_urls(text: str) -> Iterator[tuple[int, int]]:
    for match in URL_USER.finditer(text):
        if match["password"]:
            yield match.span("password")
        elif match["user"] not in HARMLESS_USERS and _is_web(text, match.start()):
            yield match.span("user")
    for match in WEBHOOK.finditer(text):
        yield match.span("path")


def _in_command(text: str) -> Iterator[tuple[int, int]]:
    """The passwords in a command that are not recognizable by a name."""
    for pattern in (AUTHORIZATION, *PASSWORD_FLAGS):
        for match in pattern.finditer(text):
            if not _refers(match["value"]):
                yield match.span("value")


def _is_web(text: str, start: int) -> bool:
    """Whether the URL whose user part starts here is an HTTP URL, in which a user alone is a token;
    in ``ssh://me@host`` it is a name."""
    return text[:start].endswith(("http://", "https://"))


def _assigned(text: str, loose: bool) -> Iterator[tuple[int, int]]:
    position = 0
    while match := ASSIGNED.search(text, position):
        position = match.end("name")
        if secret_name(match["name"]):
            start, end = _value(text, match)
            if _assigns(text, match, text[start:end], loose):
                yield start, end
                position = end


def _value(text: str, match: re.Match[str]) -> tuple[int, int]:
    """The position of the value that ``match`` assigns."""
    quote = match["quote"]
    start = match.end() + len(quote)
    if len(quote) > 1 and (end := text.find(quote, start)) >= 0:
        return start, end
    quoted = QUOTED[quote].match(text, start) if quote in QUOTED else None
    quoted = quoted or BARE.match(text, start)
    return start, quoted.end() if quoted else start


def _assigns(text: str, match: re.Match[str], value: str, loose: bool) -> bool:
    if _refers(value):
        return False
    if match["sign"] == "=":
        return True
    is_flag = text[: match.start()].endswith("--")
    return loose and (is_flag or not match["sign"].isspace())


def _refers(value: str) -> bool:
    """Whether a value only refers to the secret's source."""
    return value.startswith(("$", "/run/secrets/", "***", "<", "{{"))


@cache
def token_patterns() -> tuple[re.Pattern[str], ...]:
    """The patterns of well-known kinds of tokens and keys."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector

    kinds: Iterable[type[Any]] = get_mapping_from_secret_type_to_class().values()
    return tuple(
        pattern
        for kind in kinds
        if issubclass(kind, RegexBasedDetector) and kind.__name__ not in TOO_WIDE
        for pattern in kind().denylist
    )


TOO_WIDE = frozenset({"BasicAuthDetector", "IPPublicDetector", "KeywordDetector"})
"""Detectors that are not used: this module has its own patterns, or the matches are not secret."""


# --- in a Compose model ---------------------------------------------------------------------


def declared(config: Any, name: str = "") -> Iterator[str]:
    """The secrets in a Compose model's own text: values under secret names, and parts of other
    values, at any depth. ``name`` is the name of the value ``config``."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield from declared(value, str(key))
    elif isinstance(config, (list, tuple)):
        yield from _after_flags(config)
        command = " ".join(one for one in config if isinstance(one, str))
        yield from (command[start:end] for start, end in _in_command(command))
        for value in config:
            yield from declared(value, name)
    elif isinstance(config, str) and config:
        key, _, value = config.partition("=")
        if secret_name(name):
            yield from () if _refers(config) else (config,)
        elif value and key.isidentifier() and secret_name(key):
            yield value
        else:
            yield from parts(config)


def _after_flags(words: Sequence[Any]) -> Iterator[str]:
    """The words of a command that follow a flag with a secret's name."""
    for flag, value in pairwise(words):
        if not (isinstance(flag, str) and isinstance(value, str) and flag.startswith("-")):
            continue
        if secret_name(flag.lstrip("-")) and not value.startswith("-") and not _refers(value):
            yield value
