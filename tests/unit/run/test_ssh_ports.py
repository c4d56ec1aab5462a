"""The list of forwarded ports: what is damaged in it is as if it were not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.run import ssh_ports
from composetasks.run.ssh_link import SshLink


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"db:1": "x"}', '{"db:1": null}', "\x00"])
def test_a_damaged_list_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(ssh_ports, "own_folder", lambda: tmp_path)
    monkeypatch.setattr(SshLink, "there", lambda _: True)
    ports = ssh_ports.Ports("ssh://host", "shop", 1.0)
    ports._list.write_text(text)
    assert ports.load() == {}
    ports._keep({"db:1": 5})
    assert ports.load() == {"db:1": 5}
