"""Measures state: sizes, numbers of files, last changes.

State is read directly if the engine runs on this machine and permissions allow it; otherwise a
helper with read-only mounts measures it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from composetasks.apply.inside import tree
from composetasks.apply.state import helper, mounts
from composetasks.apply.state.helper import Helper, HelperFailed, failure
from composetasks.facts import State, World

if TYPE_CHECKING:
    from docker import APIClient


def measure(world: World, client: APIClient) -> tuple[State, ...]:
    """The state of ``world`` with sizes, numbers of files and times of the last changes.

    Raises TaskFailure if it cannot be measured.
    """
    there = [one for one in world.state if one.exists]
    if not there:
        return world.state
    amounts = _from_here(there, client) if helper.sees_our_files(client) else {}
    left = [one for one in there if one.name not in amounts]
    if left:
        amounts |= _by_helper(left, world, client)
    return tuple(_with(one, amounts.get(one.name)) for one in world.state)


def _from_here(state: list[State], client: APIClient) -> dict[str, Mapping[str, float]]:
    """Measure what this process can read: folders, and volumes that are folders on this machine."""
    amounts: dict[str, Mapping[str, float]] = {}
    for part in state:
        path = part.place
        if part.kind == "volume":
            record = client.inspect_volume(part.place)
            if record.get("Driver") != "local" or record.get("Options"):
                continue
            path = str(record["Mountpoint"])
        try:
            root = os.open(path, tree.FOLDER)
        except OSError:
            continue
        try:
            amounts[part.name] = tree.measure(root)
        except PermissionError:
            continue
        finally:
            os.close(root)
    return amounts


def _by_helper(
    state: list[State], world: World, client: APIClient
) -> dict[str, Mapping[str, float]]:
    places = [mounts.for_reading(one, number) for number, one in enumerate(state)]
    try:
        with Helper(client, world, places) as at_work:
            amounts = at_work.ask("measure")["places"]
    except HelperFailed as error:
        raise failure("the state could not be measured", error) from error
    return {one.name: amount for one, amount in zip(state, amounts, strict=True)}


def _with(state: State, amount: Mapping[str, float] | None) -> State:
    if amount is None:
        return state
    when = datetime.fromtimestamp(int(amount["modified"]), timezone.utc)
    return replace(
        state,
        bytes=int(amount["bytes"]),
        files=int(amount["files"]),
        folders=int(amount["folders"]),
        modified=when.isoformat().replace("+00:00", "Z"),
    )
