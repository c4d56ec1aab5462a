"""Settings as they come from the environment."""

from __future__ import annotations

import pytest
from invoke import Config, Context

from composetasks.run.settings import DEFAULTS, Settings, read_settings
from composetasks.tasks.adapter import settings_of


def test_nothing_is_set_by_default() -> None:
    assert read_settings(DEFAULTS) == Settings()


def test_settings_within_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {
        "DEPLOY_ENDPOINT": "dnsrr",
        "DEPLOY_KEEP": "2",
        "DEPLOY_FILES": '["one.yaml", "two.yaml"]',
        "REMOTE_MOUNTS": "send",
        "REMOTE_FORWARD": "false",
    }.items():
        monkeypatch.setenv(f"INVOKE_STACK_{name}", value)

    settings = read_settings(settings_of(Context(Config())))

    assert (settings.deploy.endpoint, settings.deploy.keep) == ("dnsrr", 2)
    assert settings.deploy.files == ("one.yaml", "two.yaml")
    assert (settings.remote.forward, settings.remote.send) == (False, True)
