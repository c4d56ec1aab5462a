"""What the dashboard's server tells beside its page: at /metrics and /facts."""

from __future__ import annotations

import urllib.error
import urllib.request

from tests.page.conftest import Page


def test_rows_are_told_to_prometheus_and_to_people_and_their_absence_too(page: Page) -> None:
    page.add(1, 100)
    port = page.compose("port", "dashboard", "8501").strip()

    def got(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{port}/{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    status, metrics = got("metrics")
    assert status == 200, metrics
    assert "# TYPE safety_rows gauge\nsafety_rows 100\n" in metrics
    assert 'safety_rows_info{model="",code_version="code"} 1\n' in metrics
    status, text = got("facts")
    assert status == 200, text
    facts = dict(line.split(": ", 1) for line in text.splitlines())
    assert facts.pop("last post").endswith(" ago")
    assert 0 < int(facts.pop("scored in the last minute")) < 100
    assert facts == {
        "posts": "100",
        "flagged": "50",
        "to review": "50",
        "threshold": "0.5",
        "code": "code",
    }
    page.compose("stop", "postgres")
    try:
        assert got("facts")[0] == got("metrics")[0] == 503
        assert got("_stcore/health") == (200, "ok")
    finally:
        page.compose("start", "postgres")
    page.wait_for(lambda: got("facts")[0] == 200, "it tells again")
