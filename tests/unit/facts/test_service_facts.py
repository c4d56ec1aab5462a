"""How a service is asked for its facts, and what of its answer is one."""

from __future__ import annotations

import pytest

from composetasks.facts import FactsSource
from composetasks.facts.service_facts import (
    LONGEST_NAME,
    LONGEST_VALUE,
    MOST_FACTS,
    facts_of,
    facts_source,
)
from composetasks.run.failure import TaskFailure
from composetasks.run.settings import DEFAULTS, read_settings


def test_what_is_declared_is_a_command_or_an_address() -> None:
    command = FactsSource(command=("say", "all of it"))
    assert facts_source("say 'all of it'") == facts_source(["say", "all of it"]) == command
    assert facts_source(":8501/facts?few=1") == FactsSource(port=8501, path="/facts?few=1")
    for wrong in ("  ", "say 'all of it"):
        with pytest.raises(ValueError, match=r"neither a command|quotation"):
            facts_source(wrong)


def test_a_line_without_a_name_or_a_value_is_no_fact() -> None:
    text = "lag: 12\nhello\n: 3\nempty:\n\tmodel :\t a:b \r\n\x1b[31mlast\x1b[0m: now\x07\n"
    assert facts_of(text) == {"lag": "12", "model": "a:b", "last": "now"}


def test_facts_are_few_and_short() -> None:
    many = facts_of("".join(f"{number}: {number}\n" for number in range(100)))
    assert list(many) == [str(number) for number in range(MOST_FACTS)]
    [(name, value)] = facts_of(f"{'n' * 1000}: {'v' * 1000}").items()
    assert (len(name), len(value)) == (LONGEST_NAME, LONGEST_VALUE)
    assert name.endswith("…")
    assert value.endswith("…")


def test_a_setting_is_refused_where_it_declares_nothing() -> None:
    services = {"a": {"facts": ["say", "it"]}, "b": {"facts": ":80/"}, "c": {"ready": "running"}}
    assert read_settings({**DEFAULTS, "services": services}).facts == {
        "a": ("say", "it"),
        "b": ":80/",
    }
    with pytest.raises(TaskFailure, match=r"stack\.services\.a\.facts: .* No closing quotation"):
        read_settings({**DEFAULTS, "services": {"a": {"facts": "say 'it"}}})
