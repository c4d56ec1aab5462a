"""What ``env`` shows about each variable: its value, its source, and what it overrides."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from composetasks.facts import Environment, Setting, Usage, VariableStatus
from composetasks.plan.env.specification import Value, shown, values


def variable_names(environment: Environment, usage: Usage) -> list[str]:
    """The specification's variables in its order, then those of dotenv files and compose files."""
    own = {one.name for file in environment.files for one in file.compose if not one.refused}
    used = {name for places in usage.services.values() for name in places}
    if not usage.services:
        # Compose can't read its files, so the variables found in their text are used.
        used = set(environment.used)
    specified = [one.name for one in environment.variables]
    return [*dict.fromkeys(specified), *sorted((own | used) - {*specified, ""})]


def variable_status(
    environment: Environment,
    name: str,
    asked_value: str | None,
    usage: Usage,
    held: Mapping[str, Mapping[str, bool | None]],
    secrets: Collection[str],
) -> VariableStatus:
    """The status of one variable. ``asked_value`` is the value that Compose reads, if something
    sets it; ``held`` says for each service whether its containers have each variable; ``secrets``
    are the variables whose names mark them as secret."""
    specified = environment.specified.get(name)
    declared = any("secrets" in places.get(name, ()) for places in usage.services.values())
    setters = [_setting(environment, one) for one in values(environment, name)]
    setting = Setting("unset")
    if setters:
        # Compose's own reading of the value takes precedence.
        first = setters[0]
        setting = Setting(
            first.source, first.value if asked_value is None else asked_value, first.line
        )
    elif name in usage.included:
        value, file = usage.included[name]
        setting = Setting(shown(environment, file), value)
    elif name in usage.defaults:
        setting = Setting("compose", usage.defaults[name])
    elif specified is not None and specified.default:
        setting = Setting(".env.example", specified.default)
    users = tuple(service for service, places in usage.services.items() if name in places)
    return VariableStatus(
        name=name,
        setting=setting,
        overrides=tuple(setters[1:]),
        secret=declared or name in secrets,
        services=users,
        containers={user: held[user][name] for user in users if name in held.get(user, {})},
        type=" ".join(specified.type) if specified else "",
        meaning=specified.meaning if specified else "",
    )


def _setting(environment: Environment, value: Value) -> Setting:
    source = shown(environment, value.file.path) if value.file else "process"
    return Setting(source, value.value, value.line)
