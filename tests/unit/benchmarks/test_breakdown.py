"""Where the time of a run goes, by what it printed."""

from __future__ import annotations

import json

from benchmarks.breakdown import by_step


def test_steps_of_the_same_action_are_added_up() -> None:
    steps = [{"id": "a", "action": "pull-image"}, {"id": "b", "action": "create-container"}]
    lines = [
        {"event": "plan", "steps": [*steps, {"id": "c", "action": "create-container"}]},
        {"event": "step-started", "step": "a"},
        {"event": "step-done", "step": "a", "seconds": 2.5},
        {"event": "step-done", "step": "b", "seconds": 0.5},
        {"event": "step-done", "step": "c", "seconds": 0.25},
        {"event": "result"},
    ]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    assert by_step(text) == {"pull-image": 2.5, "create-container": 0.75}
