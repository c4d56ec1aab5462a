"""What the dashboard's server tells beside its page: at /metrics and /facts."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from tests.page.conftest import ROOT, Page

LEAST_CONTRAST = 4.5


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


def test_how_good_the_models_are_can_be_read_by_language_and_class(page: Page) -> None:
    page.open("?view=Models")
    page.wait_for(lambda: "No job has used any models" in page.browser.text(), "there are none")
    manifest = json.loads((ROOT / "train_eval_module" / "manifest.json").read_text())
    quoted = json.dumps(manifest).replace("'", "''")
    page.sql(f"INSERT INTO scoring_models (model, manifest) VALUES ('m0del', '{quoted}')")
    cells = """
        const rows = [...document.querySelectorAll('table.quality')].find(
            e => e.caption.innerText.startsWith(arguments[0]))?.rows ?? [];
        return Object.fromEntries([...rows].map(
            row => [row.cells[0].innerText, [...row.cells].slice(1).map(e => e.innerText)]))"""
    shown = page.wait_for(
        lambda: page.browser.run(cells, "Caption and clip together"), "they are there by themselves"
    )
    fusion = manifest["metrics"]["fusion"]
    groups = {
        "all": fusion,
        **{f"language {name}": found for name, found in fusion["by_language"].items()},
        **{f"class {name}": found for name, found in fusion["by_class"].items()},
    }
    assert set(shown) == {"of", *groups}
    for name, result in groups.items():
        assert shown[name][0] == str(result["count"])
        assert shown[name][2:4] == [f"{result[key]:.3f}" for key in ("precision", "recall")]
        assert shown[name][4:6] == [f"{result[key]:.3f}" for key in ("roc_auc", "pr_auc")]
    drawn = "return [...document.querySelectorAll('.curves title')].map(e => e.textContent)"
    names = [
        f"{curve}, {part}, all"
        for part in (
            "Caption and clip together",
            "The caption alone",
            "The clip alone",
            "This stack's own feed, of which nothing was learned",
        )
        for curve in ("ROC curve", "Precision-recall curve")
    ]
    page.wait_for(lambda: page.browser.run(drawn) == names, "their curves are drawn below")
    page.open("?view=Models&group=class+dare")
    page.wait_for(
        lambda: "class dare" in "".join(page.browser.run(drawn)), "those of a class can be chosen"
    )
    low = {text: r for text, r in page.browser.contrasts().items() if r < LEAST_CONTRAST}
    assert not low
