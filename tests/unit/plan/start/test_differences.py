"""In what two resolved configurations differ."""

from __future__ import annotations

from composetasks.plan.start.differences import changed_fields


def test_changed_fields_are_leaves_with_both_sides() -> None:
    old = {"a": {"b": 1, "gone": True}, "list": [1, 2]}
    new = {"a": {"b": 2}, "list": [1, 3], "added": "x"}
    results = {e.field: (e.old, e.new) for e in changed_fields(old, new)}
    assert results == {
        "a.b": ("1", "2"),
        "a.gone": ("True", None),
        "added": (None, "x"),
        "list": ("[1, 2]", "[1, 3]"),
    }
