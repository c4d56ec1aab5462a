"""How long the parsers are fuzzed: a moment where it is one test among others, and as long as
``--fuzz-seconds`` says (for each parser) where somebody has the time."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-seconds", type=float, default=0.0, help="seconds to fuzz each parser (0: a moment)"
    )


@pytest.fixture
def fuzz_seconds(request: pytest.FixtureRequest) -> float:
    # Where these tests are run among all, this file is read too late for its option to be known.
    return float(request.config.getoption("fuzz_seconds", 0.0))
