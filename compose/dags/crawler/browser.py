"""Headless Chromium, which lives no longer than the process that opened it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

PAGE_SECONDS = 30
CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
KEEPER = Path(__file__).with_name("keeper.py")

Found = TypeVar("Found")


class KeptDriver(Service):
    """Chromium's driver, run by the keeper: Selenium holds the pipe that is its standard input.

    In a session of its own: what ends this process's whole group leaves the keeper to do its part.
    """

    def __init__(self) -> None:
        super().__init__(executable_path=sys.executable, popen_kw={"start_new_session": True})

    def command_line_args(self) -> list[str]:
        """What Python is to run."""
        return ["-I", str(KEEPER), DRIVER, *super().command_line_args()]


@contextmanager
def open_browser(width: int = 1280, height: int = 1600) -> Iterator[Chrome]:
    """A browser with an empty profile, closed at the end."""
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    options.page_load_strategy = "eager"
    options.add_argument("--headless=new")
    options.add_argument(f"--window-size={width},{height}")
    # Chromium's sandbox needs rights that the engine denies a container, which is a sandbox itself.
    options.add_argument("--no-sandbox")
    # /dev/shm has 64 MB in a container.
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument("--disable-gpu")
    # Nobody watches the clips: they are not asked for, wherever their addresses lead.
    options.add_argument("--blink-settings=forcePreloadNoneForMediaElements=true")
    driver = Chrome(options=options, service=KeptDriver())
    try:
        driver.set_page_load_timeout(PAGE_SECONDS)
        yield driver
    finally:
        driver.quit()


def wait_for(
    driver: Chrome, condition: Callable[[Chrome], Found | None], seconds: float = PAGE_SECONDS
) -> Found:
    """What the condition gives once it is true. Raises TimeoutException after so many seconds."""
    return WebDriverWait(driver, seconds, poll_frequency=0.2).until(condition)
