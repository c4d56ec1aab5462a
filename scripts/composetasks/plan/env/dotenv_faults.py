"""The faults in the lines of a dotenv file: lines that Compose and python-dotenv read differently,
lines that one or both can't read, and lines that both read but that are probably mistakes.

Messages never quote a value: a line that can't be read may contain a secret.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from composetasks.facts import EnvFile, Reading
from composetasks.facts.frozen import frozen

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PRINTABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}")
"""Names that may be shown: a line that is not an assignment may contain anything."""
ASSIGNED = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*[=:]")
INVISIBLE = re.compile("[\u00a0\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
ODD_SPACE = re.compile("[\v\f\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
SECOND = re.compile(r"\s(?:export\s+)?[A-Z_][A-Z0-9_]*=")
PEM = "-----BEGIN "
WRITE = "write NAME=value"
UNREAD = (
    (
        r"<{7}|={7}|>{7}|\|{7}",
        "a merge conflict was left in the file",
        "resolve it, and remove the conflict markers",
    ),
    (r"\s*(//|;|--\s|/\*)", "comments begin with '#'", "begin the line with '#'"),
    (
        r"\s*(?:(?:set|setx|let|const|var|declare)\s|\$env:|\$\s)",
        "it is a statement of a shell or a program",
        f"{WRITE}, with nothing before the name",
    ),
    (r"\s*-\s", "it is an item of a YAML list", f"{WRITE}, without the '-'"),
    (r"\s*[\[{}\]]|\s*\"[^\"]*\"\s*:", "it is JSON", WRITE),
    (r"\s*['\"]", "the name is in quotes", f"{WRITE}, with quotes around the value only"),
)
"""What unreadable lines look like: a pattern for the beginning, the reason, and the correction."""
UNREAD_VALUES = (
    (r"\s*=", "there is no name before '='", WRITE),
    (r"\s*[\w.-]+\s*:", "it has ':' after the name", WRITE),
    (
        r"[^=]*=\s*(['\"]).*\1\s*[^\s#]",
        "there is text after the closing quote",
        "put the whole value in one pair of quotes",
    ),
    (
        r"[^=]*=\s*['\"]",
        "a quote is never closed",
        "close the quote, or remove it",
    ),
    (r"[^=]*$", "it has no '='", f"{WRITE}, or begin the line with '#'"),
)


@frozen
class Fault:
    """``refused`` says that Compose itself fails at this line."""

    fatal: bool
    line: int
    name: str
    message: str
    hint: str
    refused: bool = False


def faults(file: EnvFile, process: Mapping[str, str], secrets: Collection[str] = ()) -> list[Fault]:
    """All faults of a file's lines; ``secrets`` are the names of variables that hold secrets."""
    block = key_lines(file)
    faults = [
        Fault(
            True,
            first,
            _name_in(file, first),
            "the value spans several lines, which only a quoted value may",
            'put it in double quotes: NAME="-----BEGIN ... -----END ...-----"',
            refused=any(one.refused and one.line in lines for one in file.compose),
        )
        for first, lines in block.items()
    ]
    taken = {line for lines in block.values() for line in lines}
    faults += _unread(file, taken)
    taken |= {fault.line for fault in faults}
    faults += _read_differently(file, process, taken)
    taken |= {fault.line for fault in faults}
    faults += (fault for fault in _suspicious(file, secrets) if fault.line not in taken)
    return sorted(faults, key=lambda fault: (fault.line, fault.name))


def key_lines(file: EnvFile) -> dict[int, range]:
    """Unquoted keys and certificates: the first line of each, and all its lines."""
    ends = [number for number, text in enumerate(file.lines, 1) if "-----END " in text]
    blocks = {}
    for number, text in enumerate(file.lines, 1):
        if re.match(r"[^'\"#]*=\s*" + PEM, text):
            at = bisect_left(ends, number)
            last = ends[at] if at < len(ends) else number
            if last > number:
                blocks[number] = range(number, last + 1)
    return blocks


def _name_in(file: EnvFile, line: int) -> str:
    match = ASSIGNED.match(file.lines[line - 1]) if line <= len(file.lines) else None
    return match[1] if match else ""


# --- lines that one or both can't read ------------------------------------------------------


def _unread(file: EnvFile, taken: set[int]) -> Iterator[Fault]:
    compose = {one.line: one.refused for one in file.compose if one.refused}
    dotenv = {one.line for one in file.dotenv if one.refused}
    starts = {one.line for one in file.compose}
    for line in sorted(compose.keys() | dotenv):
        # python-dotenv continues inside a value that Compose reads to its end.
        if line in taken or (line not in compose and line not in starts):
            continue
        text = file.lines[line - 1]
        both = line in compose and line in dotenv
        why, hint = _why_unread(text, compose.get(line, ""))
        if both:
            why = f"this line can't be read: {why}"
        elif line in compose:
            why = f"Compose refuses this line: {why}"
        else:
            why = f"Compose and python-dotenv read this differently: {why}"
        yield Fault(True, line, _name_in(file, line), why, hint, refused=line in compose)


def _why_unread(text: str, refused: str) -> tuple[str, str]:
    """Why Compose (``refused``), python-dotenv or both can't read a line."""
    for pattern, why, hint in UNREAD:
        if re.match(pattern, text, re.IGNORECASE):
            return why, hint
    if "never closed" in refused:
        return refused, "close the quote, or remove it"
    if "requires" in refused or "'${'" in refused:
        return refused, "put the value in single quotes to keep '$' as text"
    for pattern, why, hint in UNREAD_VALUES:
        if re.match(pattern, text):
            return why, hint
    if "space" in refused:
        return "the name has a space in it", f"{WRITE}, the name without spaces"
    if refused.endswith("in a name"):
        return f"it contains {refused}", "names are made of letters, digits and '_'"
    return refused or "it is not NAME=value", WRITE


# --- lines that both read, but differently --------------------------------------------------


def _read_differently(
    file: EnvFile, process: Mapping[str, str], taken: set[int]
) -> Iterator[Fault]:
    compose, dotenv = _last(file.compose), _last(file.dotenv)
    seen: set[int] = set()
    begun = {found.line for found in file.compose}
    starts = sorted(begun | {found.line for found in file.dotenv})
    for name in sorted(compose.keys() | dotenv.keys()):
        ours, other = compose.get(name), dotenv.get(name)
        line = min(found.line for found in (ours, other) if found)
        if line in taken or line in seen:
            continue
        alone = other is not None and other.value is None
        if (
            ours
            and other
            and (ours.value == other.value or (alone and ours.value == process.get(name)))
        ):
            continue
        if alone and ours is None:
            continue  # a name without '=' that the process does not have either
        seen.add(line)
        text = _statement(file, line, starts)
        if not ours and line not in begun:
            continue  # inside a value that Compose reads over several lines
        why, hint = _why_different(text, name)
        yield Fault(
            True,
            line,
            name if PRINTABLE.fullmatch(name) else "",
            f"Compose and python-dotenv read this differently: {why}",
            hint,
        )


def _last(readings: Iterable[Reading]) -> dict[str, Reading]:
    return {one.name: one for one in readings if not one.refused}


def _statement(file: EnvFile, line: int, starts: Sequence[int]) -> str:
    """A statement's text, up to the line before the next one of ``starts``."""
    at = bisect_right(starts, line)
    end = starts[at] if at < len(starts) else len(file.lines) + 1
    return "\n".join(file.lines[line - 1 : end - 1])


def _why_different(text: str, name: str) -> tuple[str, str]:
    value = text.partition("=")[2].strip(" \t\r\n")
    quote = value[:1] if value[:1] in ("'", '"') else ""
    if re.search(r"\r(?!\n|$)", text):
        return "it contains a lone carriage return", "save the file with line endings of LF"
    if re.match(r"\s*(?:export\s+)?[\w.-]+\s*:", text):
        return "it has ':' after the name", WRITE
    if "=" not in text:
        return "the last line has neither '=' nor a line break", WRITE
    if not NAME.fullmatch(name):
        return "its name", "names are made of letters, digits and '_'"
    if quote == "'" and "${" in value:
        return (
            "python-dotenv replaces ${...} in single quotes, Compose does not",
            "choose a value without '${': no notation means the same to both",
        )
    if quote != "'" and (fault := _dollar_fault(value)):
        return fault
    if quote and "\\" in value:
        return "a backslash in quotes", "remove the quotes or the backslash"
    if quote and "\r\n" in text:
        return "a value of several lines with CRLF", "save the file with line endings of LF"
    if not quote and re.search(r"^#|[^\S ]#", value):
        return "'#' begins a comment for only one of them", "put the comment on a line of its own"
    if not quote and re.search(r"[^\S ]", value):
        return "white space that is not a plain space", "retype the spaces of this line"
    return "its quotes or spaces", "put the value in single quotes"


def _dollar_fault(value: str) -> tuple[str, str] | None:
    rest = re.sub(r"\$\{[A-Za-z_]\w*(:-[^${}]*)?\}", "", value)
    if "${" in rest:
        return (
            "only ${NAME} and ${NAME:-default} mean the same in both",
            "use one of these, or single quotes to keep '$' literal",
        )
    if "$" in rest:
        return (
            "Compose reads '$' as a reference, python-dotenv as text",
            "put the value in single quotes to keep '$' as text, or write ${NAME}",
        )
    if "${" in value:
        return (
            "they replace ${NAME:-default} differently where NAME is empty",
            "give NAME a value, or do not set it",
        )
    return None


# --- lines that both read alike, but that look like mistakes --------------------------------


def _suspicious(file: EnvFile, secrets: Collection[str]) -> Iterator[Fault]:
    last = _last(file.compose)
    alone = {one.line for one in file.dotenv if one.value is None and not one.refused}
    for assignment in file.compose:
        if assignment.refused:
            continue
        name = assignment.name if PRINTABLE.fullmatch(assignment.name) else ""
        if last[assignment.name].line != assignment.line:
            again = f"it is set again in line {last[assignment.name].line}, which takes precedence"
            yield Fault(False, assignment.line, name, again, "remove one of them")
        elif assignment.line in alone:
            yield Fault(False, assignment.line, name, "it has no '=' and sets nothing", WRITE)
        elif assignment.unset:
            unset = "a variable" if assignment.name in secrets else ", ".join(assignment.unset)
            why = f"it uses {unset}, which is not set before this line"
            yield Fault(False, assignment.line, name, why, "set it above, or remove it")
        elif fault := _odd_value(file.lines[assignment.line - 1], assignment.value or ""):
            yield Fault(False, assignment.line, name, *fault)


def _odd_value(text: str, value: str) -> tuple[str, str] | None:
    if value and value[0] in "“”‘’«„":
        return "its typographic quotes are part of the value", "use straight quotes: \" or '"
    if match := INVISIBLE.search(value):
        code = f"U+{ord(match[0]):04X}"
        return f"its value has an invisible character, {code}", "retype the value"
    if match := ODD_SPACE.search(re.split(r" #", text.partition("=")[2])[0]):
        code = f"U+{ord(match[0]):04X}"
        why = f"a non-standard space around its value, {code}"
        return f"{why}: not every program takes it away", "retype the line"
    if re.match(r"[^=]*=\s*['\"]", text):
        return None
    if "$(" in value or value.startswith("`"):
        return "the command in it is kept as text: neither program runs it", "write the result here"
    if SECOND.search(value):
        return "a second assignment is part of its value", "give each variable its own line"
    return None
