"""A browser in a container, driven over the WebDriver protocol: <https://www.w3.org/TR/webdriver2/>."""

from __future__ import annotations

import base64
import contextlib
import importlib.metadata
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SECONDS = 60
KEYS = {
    "Backspace": "\ue003",
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Left": "\ue012",
    "Right": "\ue014",
}
OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"),
    "--window-size=1280,1100",
)
CONTRASTS = """
const channels = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
const over = (top, below) => {
  const alpha = top[3] === undefined ? 1 : top[3];
  return [0, 1, 2].map(n => top[n] * alpha + below[n] * (1 - alpha));
};
const behind = element => {
  const layers = [];
  for (let one = element; one; one = one.parentElement)
    layers.unshift(channels(getComputedStyle(one).backgroundColor));
  return layers.reduce((below, top) => over(top, below), [255, 255, 255]);
};
const light = colour => {
  const [r, g, b] = colour.map(v => v / 255).map(
    v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
// A slider's numbers lie in layers that are not their parents.
const UNMEASURED = 'style, script, [disabled], [data-testid="stSlider"]';
const found = {};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; node = walker.nextNode();) {
  const element = node.parentElement, text = node.textContent.trim();
  const seen = {opacityProperty: true, visibilityProperty: true};
  if (!text || !element.checkVisibility(seen)) continue;
  if (!element.getClientRects().length || element.closest(UNMEASURED)) continue;
  let opacity = 1;
  for (let one = element; one; one = one.parentElement) opacity *= +getComputedStyle(one).opacity;
  const back = behind(element), colour = channels(getComputedStyle(element).color);
  const front = over([...colour.slice(0, 3), (colour[3] ?? 1) * opacity], back);
  const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
  found[text.slice(0, 60)] = (a + .05) / (b + .05);
}
return found;
"""
"""The contrast of each text with what is behind it, by WCAG's formula."""
PROBLEMS = """
return axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations.map(
  one => ({impact: one.impact, rule: one.id, help: one.help,
           nodes: one.nodes.map(node => node.target.join(" ") + ": " + node.html)})));
"""


class Browser:
    """One window. Each call answers when the browser has done it."""

    def __init__(self, driver: str, session: str) -> None:
        self._session = f"{driver}/session/{session}"

    @classmethod
    @contextlib.contextmanager
    def opened(cls, driver: str) -> Iterator[Browser]:
        """A browser with an empty profile, closed at the end."""
        chromium = {"binary": "/usr/bin/chromium", "args": list(OPTIONS)}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": chromium}}}
        session = _call("POST", f"{driver}/session", wanted)["sessionId"]
        try:
            yield cls(driver, session)
        finally:
            _call("DELETE", f"{driver}/session/{session}")

    def go(self, address: str) -> bool:
        """Opens an address; False where nobody answers there."""
        try:
            _call("POST", f"{self._session}/url", {"url": address})
        except AssertionError as error:
            if "net::ERR" in str(error):
                return False
            raise
        return True

    def run(self, script: str, *given: object) -> Any:
        """What a script in the page returns."""
        return _call("POST", f"{self._session}/execute/sync", {"script": script, "args": given})

    def text(self) -> str:
        """All that the page shows."""
        return str(self.run("return document.body.innerText"))

    def ids(self, parts: str) -> list[str]:
        """The posts shown, by the parts of the page that stand for one each."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.dataset.postId)"
        return list(self.run(script, parts))

    def count(self, parts: str) -> int:
        """How many such parts the page has."""
        return int(self.run("return document.querySelectorAll(arguments[0]).length", parts))

    def click(self, parts: str, label: str) -> bool:
        """Clicks on the part with this text, if it is there and may be clicked on."""
        script = """
            const part = [...document.querySelectorAll(arguments[0])].find(
                e => e.innerText.trim().startsWith(arguments[1]) && !e.disabled);
            part?.click();
            return part !== undefined"""
        return bool(self.run(script, parts, label))

    def focus(self, label: str) -> bool:
        """Puts the cursor into a field, if it is there."""
        script = "const e = document.querySelector(arguments[0]); e?.focus(); return !!e"
        return bool(self.run(script, f'input[aria-label="{label}"]'))

    def press(self, *keys: str) -> None:
        """Presses keys one after another: names of KEYS, or letters."""
        pressed = [KEYS.get(key, key) for key in keys]
        steps = [{"type": kind, "value": key} for key in pressed for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": steps}
        _call("POST", f"{self._session}/actions", {"actions": [keyboard]})

    def contrasts(self) -> dict[str, float]:
        """Each text's contrast with what is behind it."""
        return dict(self.run(CONTRASTS))

    def problems(self) -> list[dict[str, Any]]:
        """What axe-core finds that keeps people from using the page, <https://www.deque.com/axe/>."""
        package = importlib.metadata.distribution("axe-playwright-python")
        source = Path(str(package.locate_file("axe_playwright_python/axe.min.js")))
        self.run(source.read_text(encoding="utf-8"))
        return list(self.run(PROBLEMS))

    def size(self, width: int, height: int) -> None:
        """What the window shows is so wide and high, as on another device."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        command = {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}
        _call("POST", f"{self._session}/goog/cdp/execute", command)

    def scheme(self, name: str) -> None:
        """What the reader likes: "light" or "dark"."""
        wanted = {"features": [{"name": "prefers-color-scheme", "value": name}]}
        command = {"cmd": "Emulation.setEmulatedMedia", "params": wanted}
        _call("POST", f"{self._session}/goog/cdp/execute", command)

    def picture(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(_call("GET", f"{self._session}/screenshot"))


def _call(method: str, address: str, body: object = None) -> Any:
    data = None if method != "POST" else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode(errors="replace")[:500]) from None
