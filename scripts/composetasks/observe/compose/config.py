"""Run ``docker compose config`` and combine its outputs into one answer about the model.

``observe/compose/model.py`` turns the answer of :func:`ask` into facts, unless an earlier answer is
still valid (``remembered.py``). If Compose can't read the ``env_file`` of a service, it is asked
again without it: the other services can still be started.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from composetasks.facts import ExitCode
from composetasks.facts.dollars import doubled, undoubled
from composetasks.facts.frozen import frozen
from composetasks.facts.references import repository
from composetasks.observe.compose.contents import inline_contents
from composetasks.observe.compose.hashes import by_service, resource_hashes
from composetasks.observe.compose.sources import TRUE, example_of, existing_files, variable
from composetasks.run import masking
from composetasks.run.compose import Compose
from composetasks.run.external_failures import parsing
from composetasks.run.failure import TaskFailure
from composetasks.run.process import Completed, ProgramError
from composetasks.run.secret_values import declared
from composetasks.store import container_configs

EVERY = ("--profile", "*")
SKELETON = ("--no-env-resolution", "--no-consistency")
"""Options that skip checks of single services that nobody asked for."""
UNRESOLVED = ("--no-interpolate", "--no-consistency")
"""The counterpart for Compose 2, which reads every ``env_file`` unless interpolation is off."""
SET_BY_VARIABLE = " set by COMPOSE_FILE environment variable"
UNDEFINED = re.compile(r'service "([^"]+)" depends on undefined service "([^"]+)"')
UNSET = re.compile(r'The "(.+)" variable is not set\. Defaulting to a blank string\.')


@frozen
class _ConfigCommand:
    """A ``docker compose config`` command with global ``options``, and an ``override`` file after
    the project's files."""

    compose: Compose
    options: tuple[str, ...] = ()
    override: str | None = None

    def __call__(self, *arguments: str, check: bool = True) -> Completed:
        argv = (*self.options, "config", *arguments)
        return self.compose.run(*argv, check=check, stdin=self.override)

    def printed(self, *arguments: str) -> tuple[dict[str, Any], dict[str, Any], str]:
        """Return the model as Compose prints it, the model in Compose's JSON, and its warnings."""
        try:
            done = self(*arguments, "--format", "json")
            config = json.loads(undoubled(done.stdout))
            return config, config, done.stderr
        except (ProgramError, ValueError):
            # Seen with Compose 5.6.1: JSON output fails for build.ssh with a path, YAML output
            # works.
            done = self(*arguments)
            config = _yaml(undoubled(done.stdout))
            return config, self._as_json(config), done.stderr

    def _as_json(self, config: Any) -> dict[str, Any]:
        """Return the JSON form of a model that Compose could print only as YAML, without the
        sections that JSON output fails for. YAML leaves out empty fields that count for the hashes
        of networks."""
        services = {
            name: {key: value for key, value in (section or {}).items() if key != "build"}
            for name, section in (config.get("services") or {}).items()
        }
        # Without build, a service needs an image name. The placeholder affects no hash here.
        named = {name: {"image": "none", **section} for name, section in services.items()}
        resolved = json.dumps(doubled({**config, "services": named}))
        done = self.compose.run(
            *self.options, "-f", "-", "config", "--format", "json", stdin=resolved
        )
        with parsing("Compose's answer", ExitCode.INVALID):
            answer: dict[str, Any] = json.loads(undoubled(done.stdout))
            return answer


def ask(
    compose: Compose, files: Sequence[Path], key: bytes, *, all_profiles: bool
) -> dict[str, Any]:
    """Return Compose's answers about its model in a form that may be stored: digests under ``key``
    replace secrets.

    Raises TaskFailure, code 6, if Compose refuses the model.
    """
    asking = _ConfigCommand(compose, EVERY if all_profiles else ())
    # With all profiles active, an inconsistency in a service that no profile starts is no error.
    relaxed = ("--no-consistency",) if all_profiles else ()
    faults: dict[str, str] = {}
    try:
        try:
            config, spelled, warnings = asking.printed(*relaxed)
        except ProgramError as error:
            faults = _faults(asking, files, error)
            asking = _without_env_files(asking, files, faults)
            config, spelled, warnings = asking.printed(*relaxed)
        hashes = asking(*relaxed, "--hash", "*").stdout
    except ProgramError as error:
        raise _refused(compose, files, error) from error
    with parsing("Compose's answer", ExitCode.INVALID):
        literal = hide_declared(config)
        # A password that equals a name of the model would be masked in every command and path.
        masking.unhide(_names(config))
        return {
            "inactive": {}
            if all_profiles
            else container_configs.mask(_inactive(compose, config), key),
            # Secrets end here: no fact, plan, cache or run folder ever holds one.
            "config": container_configs.mask(config, key),
            "secrets": {**_secret_sources(config), "literal": literal},
            "resource_hashes": resource_hashes(spelled),
            "inline": inline_contents(config, from_environment(compose, config), key),
            "hashes": by_service(hashes),
            "faults": faults,
            "cures": {name: cure for name in faults if (cure := _cure(compose, faults[name]))},
            "separator": "_" if _compatible(compose) else "-",
            # Compose prints the absolute paths of its files.
            "warnings": [
                warning.replace(f"{compose.folder}/", "")
                for warning in _warnings(warnings.splitlines())
            ],
        }


def _inactive(compose: Compose, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the services that only an inactive profile would start, as far as known."""
    active = config.get("services") or {}
    try:
        every, _, _ = _ConfigCommand(compose, EVERY).printed(*SKELETON)
        services = every.get("services") or {}
    except ProgramError:
        # Broken services of another profile are no reason to fail.
        named = compose.run(*EVERY, "config", "--services", check=False).stdout.split()
        services = {name: {} for name in named}
    return {name: services[name] or {} for name in sorted(services) if name not in active}


def _faults(asking: _ConfigCommand, files: Sequence[Path], refusal: ProgramError) -> dict[str, str]:
    """Return Compose's error message for each service whose ``env_file`` Compose can't read.

    Compose refuses the whole model for one such file, but can still start the other services (``up
    api``). Raises ``refusal`` if the model is refused for another reason.
    """
    services = _skeleton(asking, refusal).get("services") or {}
    readers = [name for name, section in services.items() if (section or {}).get("env_file")]
    faults = {}
    for name in readers:
        alone = _without_env_files(asking, files, [one for one in readers if one != name])
        done = alone("--no-consistency", "-q", check=False)
        if done.code != 0:
            faults[name] = (_warnings_last(done.stderr) or ["its env_file can't be read"])[0]
    if not faults:
        raise refusal
    return faults


def _skeleton(asking: _ConfigCommand, refusal: ProgramError) -> dict[str, Any]:
    """Return the model without the contents of its services' files; raise ``refusal`` if it can't
    be printed."""
    for options in (SKELETON, UNRESOLVED):
        with contextlib.suppress(ProgramError):
            return asking.printed(*options)[0]
    raise refusal


def _without_env_files(
    asking: _ConfigCommand, files: Sequence[Path], names: Iterable[str]
) -> _ConfigCommand:
    lines = [f"  {json.dumps(name)}: {{env_file: !reset null}}\n" for name in names]
    if not lines:
        return asking
    compose = asking.compose.with_files([*map(str, files), "-"], asking.compose.project)
    return _ConfigCommand(compose, asking.options, "".join(["services:\n", *lines]))


def _compatible(compose: Compose) -> bool:
    """Tell whether the parts of names are joined by ``_``, as before Compose 2."""
    return variable("COMPOSE_COMPATIBILITY", compose.folder, compose.environment) in TRUE


def from_environment(compose: Compose, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of the variables that secrets and configs take their content from."""
    sections = [config.get(kind) or {} for kind in ("secrets", "configs")]
    named = {str((one or {}).get("environment") or "") for two in sections for one in two.values()}
    expected = {
        name: variable(name, compose.folder, compose.environment) for name in sorted(named - {""})
    }
    return interpolated(compose, expected) if expected else {}


def interpolated(compose: Compose, expected: Mapping[str, str]) -> dict[str, str]:
    """Return Compose's values for interpolation of the names in ``expected``; empty if Compose
    refuses to print them.

    Compose prints ``NAME=value`` lines and does not quote values of several lines, so the output
    can't be split reliably. Therefore the expected value of each name is searched for first.
    """
    try:
        output = f"\n{compose.run('config', '--environment').stdout}"
    except ProgramError:
        return {}
    values = {}
    for name, value in expected.items():
        if f"\n{name}={value}\n" in output:
            values[name] = value
        elif f"\n{name}=" in output:
            values[name] = output.partition(f"\n{name}=")[2].partition("\n")[0]
    return values


# --- what Compose refuses -------------------------------------------------------------------


def _refused(compose: Compose, files: Sequence[Path], error: ProgramError) -> TaskFailure:
    """Return the failure for a model that Compose refuses: errors first, then warnings."""
    reasons = _warnings_last(error.stderr) or [str(error)]
    unset = any(UNSET.fullmatch(_warning(line)) for line in error.stderr.splitlines())
    hint = _cure(compose, reasons[0], unset=unset)
    if compose.files:  # the variable is how Compose is told the files of the settings
        reasons[0] = reasons[0].replace(SET_BY_VARIABLE, "")
    return TaskFailure(
        "the Compose model is invalid",
        code=ExitCode.INVALID,
        detail="\n".join(reasons),
        hint=hint
        or f"`docker compose config -q` shows the same; {_advice(compose, files, reasons)}",
    )


def _advice(compose: Compose, files: Sequence[Path], reasons: Sequence[str]) -> str:
    """Return which file to correct: Compose names none if the syntax or a value is wrong."""
    read = existing_files(files, compose.folder, compose.environment)
    names = {file: os.path.relpath(file, compose.folder) for file in read}
    for file, name in names.items():
        line = _wrong_line(file)
        if line:
            return f"correct the syntax of {name}, line {line}"
    if any(file.name in reason for file in read for reason in reasons):
        return "correct the file it names"
    return f"correct {' or '.join(names.values())}" if names else "correct the compose file"


def _wrong_line(file: Path) -> int | None:
    """Return the number of the line at which a file stops being YAML; None if it is YAML."""
    import yaml

    try:
        for _ in yaml.parse(file.read_text("utf-8-sig"), Loader=yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        return error.problem_mark.line + 1 if error.problem_mark else None
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return None


def _warnings_last(stderr: str) -> list[str]:
    """Return what Compose printed, undecorated and without duplicates: warnings last."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    return [
        *(line for line in lines if not _is_warning(line)),
        *_warnings(line for line in lines if _is_warning(line)),
    ]


def _warnings(lines: Iterable[str]) -> list[str]:
    """Return Compose's warnings, sorted and without duplicates (Compose prints them in any order).
    Warnings about unset variables become one, since a project without its `.env` has dozens."""
    warnings = sorted({_warning(line) for line in lines if line.strip()})
    unset = [match[1] for one in warnings if (match := UNSET.fullmatch(one))]
    if len(unset) <= 1:
        return warnings
    others = [one for one in warnings if not UNSET.fullmatch(one)]
    return [
        *others,
        f"{len(unset)} variables are not set and default to a blank string: {', '.join(unset)}",
    ]


def _is_warning(line: str) -> bool:
    return "level=warning" in line


def _cure(compose: Compose, refusal: str, *, unset: bool = False) -> str:
    """Return advice about a refusal, if any is known. ``unset`` tells whether Compose also warned
    that an unset variable defaults to a blank string, which is often the cause."""
    undefined = UNDEFINED.search(refusal)
    if undefined:
        section = _inactive(compose, {}).get(undefined[2]) or {}
        profiles = [str(one) for one in section.get("profiles") or ()]
        if profiles:
            return (
                f"{undefined[2]} is inactive: COMPOSE_PROFILES={profiles[0]} activates its profile"
            )
    if SET_BY_VARIABLE in refusal:
        named = "stack.files in the settings" if compose.files else "COMPOSE_FILE, or unset it"
        return f"correct {named}"
    missing = re.match(r"env file (.+) not found: ", refusal)
    required = re.search(r"required variable (\w+) is missing", refusal)
    if missing:
        path = Path(missing[1])
    elif required or unset:
        path = compose.folder / ".env"
    else:
        return ""
    example = example_of(path)
    if example is None:
        return f"add {required[1]}=... to .env" if required else ""
    if os.path.exists(path):
        return f"{example.name} describes what {path.name} may contain"
    return f"`cp {example} {path}`, and adjust its values"


def hide_declared(config: dict[str, Any]) -> bool:
    """Mask from now on the secrets that the model's text contains, and tell whether any of them was
    not known from the environment."""
    values = {one for value in declared(config) for one in masking.spellings(value)}
    new = values - masking.hidden()
    masking.hide(new)
    return bool(new)


def _names(config: dict[str, Any]) -> Iterator[str]:
    """Yield the names that are never masked: of the project, its services, networks, volumes and
    images."""
    sections = [config.get(kind) or {} for kind in ("services", "networks", "volumes")]
    images = (str((one or {}).get("image") or "") for one in sections[0].values())
    names = (str(config.get("name", "")), *chain(*sections), *map(repository, filter(None, images)))
    yield from filter(None, names)


def hide_literals(compose: Compose) -> None:
    """Ask Compose for the model's text again, whose secrets are never stored, and mask from now on
    the secrets that it contains."""
    with contextlib.suppress(ProgramError, ValueError):
        done = compose.run("--profile", "*", "config", "--format", "json", check=False)
        hide_declared(json.loads(undoubled(done.stdout)))


def _secret_sources(config: dict[str, Any]) -> dict[str, list[str]]:
    """Return the files and the variables whose contents the model declares to be secrets."""
    entries = [one or {} for one in (config.get("secrets") or {}).values()]
    return {
        kind: sorted({str(one[key]) for one in entries if one.get(key)})
        for kind, key in (("files", "file"), ("variables", "environment"))
    }


def _warning(line: str) -> str:
    """Return the text of Compose's warning without its logger's decoration."""
    match = re.search(r'msg="((?:[^"\\]|\\.)*)"', line)
    return match[1].replace('\\"', '"') if match else line.strip()


def _yaml(text: str) -> dict[str, Any]:
    import yaml

    loaded = yaml.safe_load(text)
    return loaded if isinstance(loaded, dict) else {}
