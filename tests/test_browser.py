"""What a reader sees and hears, in a real browser: Debian's Chromium, driven by selenium. Skipped where it is missing."""

import html
import shutil

import numpy as np
import pandas as pd
import pytest

from lib import listening

SAMPLE_RATE = 48_000
SECONDS = 2.5
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required --window-size=1300,1000"""

PLAYS = """  // starts the player of index 0 and says whether its clock runs
const [i, done] = arguments, player = document.querySelectorAll("audio")[i], before = player.currentTime;
player.play().then(() => setTimeout(() => done(player.currentTime > before), 500), error => done(String(error)));
"""


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A selenium driver for headless Chromium; scripts wait up to 20 s."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver on the path (Debian: apt install chromium chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    session = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    session.set_script_timeout(20)
    yield session
    session.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A listening page of two items on disk, and the same page in a frame sandboxed as MLflow does it."""
    t = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    signals = {name: 0.1 * np.sin(2 * np.pi * 200 * (i + 1) * t) for i, name in enumerate(listening.SYSTEMS)}
    rows = [{"item_id": f"item {i}", "snr_db": 5.0, "speaker": "ann", "noise": "hiss"} for i in range(2)]
    scores = pd.DataFrame([{**row, "system": name, "pesq": 2.0} for row in rows for name in signals])
    items = [(row, signals) for row in rows]
    text = listening.page("a run", listening.summary(scores, seed=0), scores, items, {}, SAMPLE_RATE)
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(text)
    frame = f'<iframe sandbox="allow-scripts" width="1200" height="900" srcdoc="{html.escape(text)}"></iframe>'
    (folder / "frame.html").write_text(f"<!doctype html>{frame}")
    return folder


@pytest.fixture(params=["page.html", "frame.html"])
def opened(request, browser, page):
    """The page from disk, and within the sandboxed frame."""
    browser.get((page / request.param).as_uri())
    if request.param == "frame.html":
        browser.switch_to.frame(0)
    wait(
        browser,
        "return document.querySelectorAll('audio').length === 8 && "
        "[...document.querySelectorAll('audio')].every(player => player.readyState > 0)",
    )
    yield browser
    browser.switch_to.default_content()


def wait(browser, condition, seconds=10):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, seconds, 0.1).until(lambda driver: driver.execute_script(condition), condition)


def test_every_player_has_its_right_duration(opened):
    durations = opened.execute_script("return [...document.querySelectorAll('audio')].map(p => p.duration)")
    assert durations == pytest.approx([SECONDS] * 8, abs=0.001)


def test_a_player_plays(opened):
    assert opened.execute_async_script(PLAYS, 0) is True


def test_keys_switch_between_signals_at_the_same_place(opened):
    assert opened.execute_async_script(PLAYS, 4) is True  # the first signal of the second item
    opened.find_elements("css selector", "section.item")[1].send_keys("2")
    wait(opened, "return !document.querySelectorAll('audio')[5].paused")
    first, second, paused = opened.execute_script(
        "const players = [...document.querySelectorAll('audio')];"
        "return [players[4].currentTime, players[5].currentTime, players.map(p => p.paused)]"
    )
    assert paused == [True] * 5 + [False] + [True] * 2
    assert 0.3 < first < second + 0.05 < first + 1.0  # the clock of a player that is paused runs on for some ms
    opened.find_elements("css selector", "section.item")[0].send_keys("4")  # another item has its own place
    wait(opened, "return !document.querySelectorAll('audio')[3].paused && document.querySelectorAll('audio')[5].paused")


def test_the_page_runs_without_an_error_in_the_console(opened):
    assert opened.execute_script("return document.querySelector('section.active tr.current th').innerText.trim()")
    assert [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"] == []
