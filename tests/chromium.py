"""Debian's Chromium without a window, driven by selenium."""

import shutil
from pathlib import Path

import pytest

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --autoplay-policy=no-user-gesture-required --window-size=1300,1000"""


def start_chromium(profile: Path, *flags: str):
    """A driver, to be ended with `quit`; scripts wait up to 20 s. Skips where Chromium is missing.

    Args:
        profile: an empty folder.
        flags: more of Chromium's flags.
    """
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip(
            "needs chromium and chromedriver (Debian: apt install chromium chromium-driver)"
        )
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS.split(), *flags, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    session = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    session.set_script_timeout(20)
    return session


def wait(browser, condition: str, seconds: float = 10) -> None:
    """Until the script `condition` returns true."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, seconds, 0.1).until(
        lambda driver: driver.execute_script(condition), condition
    )
