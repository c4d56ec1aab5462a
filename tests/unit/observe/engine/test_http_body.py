from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composetasks.observe.engine.http_body import chunks
from composetasks.run.failure import EngineLost


@dataclass
class Answer:
    """A chunked answer whose connection gives these blocks and then ends."""

    blocks: list[bytes]
    chunked: bool = True
    _at: Iterator[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._at = iter(self.blocks)

    @property
    def raw(self) -> SimpleNamespace:
        return SimpleNamespace(
            chunked=self.chunked,
            _fp=SimpleNamespace(fp=self),
            stream=lambda _amount: iter(self.blocks),
        )

    def read1(self, _amount: int) -> bytes:
        return next(self._at, b"")


def encoded(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 60))
def test_chunks_are_whole_wherever_the_network_cuts(parts: list[bytes], size: int) -> None:
    body = encoded(*parts)
    blocks = [body[at : at + size] for at in range(0, len(body), size)]
    assert [chunk for batch in chunks(Answer(blocks)) for chunk in batch] == parts


def test_what_came_together_is_given_together() -> None:
    assert list(chunks(Answer([encoded(b"a", b"b")]))) == [[b"a", b"b"]]


def test_an_answer_that_breaks_off_is_no_end() -> None:
    result = chunks(Answer([encoded(b"a", b"b")[:-5]]))
    assert next(result) == [b"a", b"b"]
    with pytest.raises(EngineLost, match="before the answer was complete"):
        next(result)


def test_without_that_encoding_blocks_are_passed_on() -> None:
    assert list(chunks(Answer([b"a", b"b"], chunked=False))) == [[b"a"], [b"b"]]
