"""What became of a batch's messages, counted on the workers and summed by Spark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from processing.messages import Post
from processing.rows import Rejection, Retry, ScoredPost

MOST_EXAMPLES = 10
KINDS = {*(one.name for one in fields(Post)), "not JSON", "not UTF-8"}
"""Reasons that are told apart, by what stands before their first colon: few, whatever is sent."""


@dataclass
class Tally:
    """Counts, those of rejections by kind, some examples, and what stood in the way. `due` is when
    the first retry is."""

    scored: int = 0
    pending: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    due: float = float("inf")
    trouble: str = ""
    examples: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Of how many rows, rejections and retries it tells."""
        return self.scored + self.pending + self.rejected.total() + self.retried

    def add(self, rows: Sequence[ScoredPost], told: Sequence[Rejection | Retry]) -> None:
        """Counts what was written and what is told."""
        self.scored += sum(not row.is_pending for row in rows)
        self.pending += sum(row.is_pending for row in rows)
        for outcome in told:
            if isinstance(outcome, Retry):
                self.retried += 1
                self.due = min(self.due, outcome.due)
            else:
                self.rejected[kind_of(outcome.reason)] += 1
                self.examples.append(f"rejected {outcome.key}: {outcome.reason}")
        del self.examples[MOST_EXAMPLES:]

    def add_trouble(self, why: str) -> None:
        """The batch can't be done for now."""
        self.trouble = self.trouble or why

    def merge(self, other: Tally) -> Tally:
        """Takes in what another task counted."""
        self.scored += other.scored
        self.pending += other.pending
        self.rejected += other.rejected
        self.retried += other.retried
        self.due = min(self.due, other.due)
        self.trouble = self.trouble or other.trouble
        self.examples = (self.examples + other.examples)[:MOST_EXAMPLES]
        return self

    def __str__(self) -> str:
        counts = [(self.scored, "scored"), (self.pending, "by their text for now")]
        counts += [(self.rejected.total(), "rejected"), (self.retried, "to be tried again")]
        return ", ".join(f"{number} {what}" for number, what in counts if number) or "nothing"


def kind_of(reason: str) -> str:
    """Which of few kinds a rejection is."""
    head = reason.partition(":")[0]
    return head if head in KINDS else "other"
