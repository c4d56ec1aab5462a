"""compose.swarm.yaml names each file that a container needs: no node has the folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

STACK = Path(__file__).parents[3] / "compose"


class Loader(yaml.SafeLoader):
    """Reads Compose's own tags as what they stand before."""


Loader.add_multi_constructor("!", lambda loader, _, node: construct(loader, node))


def construct(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return None


def test_every_migration_and_init_script_is_a_config_in_its_place() -> None:
    text = (STACK / "compose.swarm.yaml").read_text()
    swarm = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    places = {"migrate": "migrations", "postgres": "postgres/init"}
    inside = {"migrate": "/opt/migrations", "postgres": "/docker-entrypoint-initdb.d"}
    for service, folder in places.items():
        has = {
            path.relative_to(STACK / folder).as_posix()
            for path in (STACK / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        named = {
            Path(swarm["configs"][one["source"]]["file"]).relative_to(folder).as_posix(): str(
                Path(one["target"]).relative_to(inside[service])
            )
            for one in swarm["services"][service]["configs"]
        }
        assert named == {name: name for name in has}
