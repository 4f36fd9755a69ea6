"""What a reader sees and hears, in a real browser: Debian's Chromium, driven by selenium.

Skipped where Chromium is missing.
"""

import contextlib
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pandas as pd
import pytest
from chromium import start_chromium, wait
from tracking.test_aliases import write_nothing

from lib import REPO
from lib.config.listen import Listen
from lib.config.train import Train
from lib.evaluation import blind_page, blind_test, listening_page, summary
from lib.figures import players, plots, tables
from lib.tracking import aliases, registry, store
from lib.tracking import session as tracking_session

README = (REPO / "notebooks" / "README.md").read_text()
SAMPLE_RATE = 48_000
SECONDS = 2.5
SANDBOX = '<iframe sandbox="allow-scripts" width="1200" height="900" srcdoc="{}"></iframe>'

PLAYS = """  // starts the player of index 0 and says whether its clock runs
const [i, done] = arguments, player = document.querySelectorAll("audio")[i];
const before = player.currentTime, advanced = () => done(player.currentTime > before);
player.play().then(() => setTimeout(advanced, 500), error => done(String(error)));
"""

SCROLLS_TO = """  // MLflow draws charts when they come into sight: scrolls on until one is there
const scrolls = div => div.scrollHeight > div.clientHeight + 300;
const panes = [...document.querySelectorAll("div")].filter(scrolls);
const pane = panes.find(div => /auto|scroll/.test(getComputedStyle(div).overflowY));
const atEnd = pane && pane.scrollTop + pane.clientHeight + 1 > pane.scrollHeight;
if (pane) pane.scrollTop = atEnd ? 0 : pane.scrollTop + 100;
return document.body.innerText.includes("valid/lsd_db");
"""


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A selenium driver for headless Chromium; scripts wait up to 20 s."""
    session = start_chromium(tmp_path_factory.mktemp("chromium"))
    yield session
    session.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A listening page of two items on disk, and in a frame as MLflow sandboxes it."""
    t = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    signals = {
        name: 0.1 * np.sin(2 * np.pi * 200 * (i + 1) * t) for i, name in enumerate(summary.SYSTEMS)
    }
    rows = [
        {"item_id": f"item {i}", "snr_db": 5.0, "speaker": "ann", "noise": "hiss"} for i in range(2)
    ]
    scores = pd.DataFrame(
        [{**row, "system": name, "pesq": 2.0} for row in rows for name in signals]
    )
    items = [(row, signals) for row in rows]
    text = listening_page.page(
        "a run", summary.summary(scores, seed=0), scores, items, {}, SAMPLE_RATE
    )
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(text)
    frame = SANDBOX.format(html.escape(text))
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


def test_every_player_has_its_right_duration(opened):
    durations = opened.execute_script(
        "return [...document.querySelectorAll('audio')].map(p => p.duration)"
    )
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
    assert (
        0.3 < first < second + 0.05 < first + 1.0
    )  # the clock of a player that is paused runs on for some ms
    opened.find_elements("css selector", "section.item")[0].send_keys(
        "4"
    )  # another item has its own place
    wait(
        opened,
        "const players = document.querySelectorAll('audio');"
        "return !players[3].paused && players[5].paused",
    )


def test_in_a_small_window_the_scores_scroll_and_the_page_does_not(browser, page):
    """The names of the scores stay in sight."""
    size = browser.get_window_size()
    browser.set_window_size(800, 1000)
    try:
        browser.get((page / "page.html").as_uri())
        root, table = "document.documentElement", "document.querySelector('table.scores')"
        box, name = f"{table}.parentElement", f"{table}.querySelector('tr:last-child th')"
        assert browser.execute_script(f"return {root}.scrollWidth <= {root}.clientWidth")
        assert browser.execute_script(f"{box}.scrollLeft = 1e4; return {box}.scrollLeft") > 50
        left = f"return {name}.getBoundingClientRect().left - {box}.getBoundingClientRect().left"
        assert abs(browser.execute_script(left)) < 1
    finally:
        browser.set_window_size(size["width"], size["height"])


def test_the_page_runs_without_an_error_in_the_console(opened):
    assert opened.execute_script(
        "return document.querySelector('section.active tr.current th').innerText.trim()"
    )
    assert [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.parametrize("framed", [False, True])
def test_a_table_sorts_by_a_click_and_searches_without_a_network(browser, tmp_path, framed):
    files = pd.DataFrame(
        {"path": [f"{name}.wav" for name in "cabd"], "level_db": [-20.0, -5.0, -30.0, -10.0]}
    )
    text = f"<!doctype html><html><body>{tables.sortable(files, rows_shown=3)}</body></html>"
    frame = f"<!doctype html>{SANDBOX.format(html.escape(text))}"
    (tmp_path / "table.html").write_text(frame if framed else text)
    browser.get((tmp_path / "table.html").as_uri())
    if framed:
        browser.switch_to.frame(0)
    cells = "document.querySelectorAll('table.dataTable tbody td:first-child')"
    shown = f"[...{cells}].map(cell => cell.innerText)"
    wait(browser, f"return {shown}.length === 3")
    browser.find_elements("css selector", "table.dataTable thead th")[1].click()
    wait(browser, f"return {shown}[0] === 'b.wav'")
    assert browser.execute_script(f"return {shown}") == ["b.wav", "c.wav", "d.wav"]
    browser.find_element("css selector", "input[type=search]").send_keys("d.w")
    wait(browser, f"return {shown}.length === 1")
    browser.switch_to.default_content()


# -- blind tests


@pytest.fixture(scope="module")
def blind_pages(tmp_path_factory):
    """An ABX page of two items and a rating page of one, on disk and in MLflow's kind of frame."""
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    items = {
        f"item {i}": {
            name: 0.1 * np.sin(2 * np.pi * (200 + 100 * k + 10 * i) * t)
            for k, name in enumerate(summary.SYSTEMS)
        }
        for i in range(2)
    }
    folder, pair = tmp_path_factory.mktemp("blind"), ("enhanced", "restored")
    pages = {
        "abx": blind_page.abx_page("An ABX test", items, pair, SAMPLE_RATE, n_repeats=2, seed=1)
    }
    pages["rating"] = blind_page.rating_page(
        "A rating", {"item 0": items["item 0"]}, pair, SAMPLE_RATE, seed=1
    )
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text)
        frame = SANDBOX.format(html.escape(text))
        (folder / f"{name}_frame.html").write_text(f"<!doctype html>{frame}")
    return folder


def start(browser, address, framed):
    """Open a blind test and begin it."""
    browser.get(address)
    if framed:
        browser.switch_to.frame(0)
    wait(
        browser,
        "return [...document.querySelectorAll('audio')].every(player => player.readyState > 0)",
    )
    browser.find_element("id", "listener").send_keys("ann")
    browser.find_element("id", "start").click()


def answers_of(browser, path):
    """The text that a finished page shows, written to a file."""
    wait(browser, "return !document.getElementById('end').hidden")
    path.write_text(browser.find_element("css selector", "textarea").get_attribute("value"))
    browser.switch_to.default_content()
    return path


@pytest.mark.parametrize("framed", [False, True])
def test_an_abx_page_is_played_through_with_keys_and_its_answers_are_read(
    browser, blind_pages, tmp_path, framed
):
    trials = blind_test.abx_order(["item 0", "item 1"], ("enhanced", "restored"), 2, seed=1)
    start(browser, (blind_pages / f"abx{'_frame' * framed}.html").as_uri(), framed)
    body = browser.find_element("tag name", "body")
    for trial in trials:
        body.send_keys("x")
        wait(
            browser,
            "return [...document.querySelectorAll('section:not([hidden]) audio')]"
            ".some(player => !player.paused)",
        )
        body.send_keys("a")
        shown = "document.querySelector('section:not([hidden]) .sound.current kbd')?.textContent"
        wait(browser, f"return {shown} === 'A'")
        body.send_keys("1" if trial["x"] == trial["a"] else "2")
    link_hidden = browser.execute_script("return document.querySelector('#end a').hidden")
    saved = blind_test.read_answers(answers_of(browser, tmp_path / "abx.json"))
    assert link_hidden is framed and saved["listener"] == "ann"
    assert blind_test.abx_result([saved])["n_right"] == 4


@pytest.mark.parametrize("framed", [False, True])
def test_a_rating_page_wants_every_slider_moved_and_its_answers_are_read(
    browser, blind_pages, tmp_path, framed
):
    screen = blind_test.rating_order(["item 0"], ("enhanced", "restored"), seed=1)[0]
    start(browser, (blind_pages / f"rating{'_frame' * framed}.html").as_uri(), framed)
    body = browser.find_element("tag name", "body")
    body.send_keys("\ue007")  # enter, before anything is rated
    assert browser.find_element("id", "said").text == "Rate every sound first."
    for i, name in enumerate(screen["systems"]):
        body.send_keys("ABCDE"[i])
        wait(
            browser,
            "return document.querySelector('section:not([hidden]) .sound.current kbd')"
            f"?.textContent === '{'ABCDE'[i]}'",
        )
        for _ in range(5 if name == "clean" else 1):
            body.send_keys("\ue014" if name != "anchor" else "\ue012")  # arrows right and left
    body.send_keys("\ue007")
    table = (
        blind_test.ratings([blind_test.read_answers(answers_of(browser, tmp_path / "rating.json"))])
        .set_index("system")
        .rating
    )
    assert table.to_dict() == {"clean": 55, "enhanced": 51, "restored": 51, "anchor": 49}


# -- MLflow's own pages


@pytest.fixture(scope="module")
def ui(tmp_path_factory):
    """Two trainings that differ in `gan_start_epoch`, a listening run, and `mlflow ui` over them.

    The listening run judges the first training, whose model is registered.

    Yields the address and the runs.
    """
    runs = []
    for gan_start_epoch in (6, 8):
        run, _ = tracking_session.start(
            "train", Train, {"gan_start_epoch": gan_start_epoch, "corpus": "browser"}
        )
        for epoch in range(3):
            run.metrics({"valid/lsd_db": 5 - epoch / gan_start_epoch}, step=epoch)
        run.metrics({"best/selection": 1 / gan_start_epoch})
        run.tags({"manifest_sha256": "browser"})
        run.figure("scores", plots.histogram([1.0, 2.0, 2.0], "dB"))
        run.finish()
        runs.append(run)
    listen, _ = tracking_session.start("listen", Listen, {})
    tone = 0.1 * np.sin(2 * np.pi * 200 * np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE)
    listen.source(runs[0].id)
    registry.log_model(write_nothing, "abc", runs[0].id, step=2, about="Epoch 2.")
    listen.html("listening", f"<!doctype html><p>a page</p>{players.player(tone, SAMPLE_RATE)}")
    listen.finish()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "lib.tracking.ui", str(port)]
    folder = tmp_path_factory.mktemp("ui")
    with open(folder / "log.txt", "w") as log:
        server = subprocess.Popen(
            command,
            cwd=REPO,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # A shell's background job ignores Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        for _ in range(120):
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health"),
            ):
                break
            assert server.poll() is None, (folder / "log.txt").read_text()
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/#", runs, listen
    finally:
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(20) == 130
        assert "Traceback" not in (folder / "log.txt").read_text()


def shows(browser, address, *words):
    """Open a page of the UI and wait until all words stand on it."""
    browser.get("about:blank")
    browser.get(address)
    for word in words:
        wait(browser, f"return document.body.innerText.includes({json.dumps(word)})", seconds=40)


def test_the_link_of_the_readme_shows_the_training_runs(browser, ui):
    address, runs, _ = ui
    link = re.search(
        r"http://127\.0\.0\.1:5000/#(/experiments/4/runs\?workflowType=machine_learning)$",
        README,
        re.M,
    ).group(1)
    shows(browser, address + link, "train", *(run.name for run in runs))
    charts = re.search(
        r"http://127\.0\.0\.1:5000/#(\S+compareRunsMode=CHART)$", README, re.M
    ).group(1)
    shows(browser, address + charts, "valid")
    wait(browser, SCROLLS_TO, seconds=40)


def test_a_run_shows_its_parameters_metrics_and_figure(browser, ui):
    address, runs, _ = ui
    page = f"{address}/experiments/4/runs/{runs[0].id}"
    shows(browser, page, runs[0].name, "Finished", "gan_start_epoch", "valid/lsd_db")
    shows(browser, f"{page}/artifacts/figures/scores.png", "scores.png")
    wait(browser, "return [...document.images].some(image => image.naturalWidth > 500)", seconds=40)


def test_two_runs_are_compared_by_what_they_differ_in(browser, ui):
    address, runs, _ = ui
    ids = json.dumps([run.id for run in runs])
    shows(
        browser,
        f'{address}/compare-runs?runs={ids}&experiments=["4"]',
        "Comparing 2 Runs",
        "gan_start_epoch",
    )


def test_a_listening_run_leads_to_the_training_that_it_judged_and_back(browser, ui):
    address, runs, listen = ui
    shows(browser, f"{address}/experiments/5/runs/{listen.id}", "Comes from: train: ")
    # MLflow opens it in a new tab.
    (link,) = browser.find_elements("css selector", f'a[href*="/4/runs/{runs[0].id}"]')
    shows(browser, link.get_attribute("href"), "Used by: listen: ", runs[0].name)


def test_the_page_of_the_model_shows_its_versions_and_aliases(browser, ui):
    address, runs, _ = ui
    shows(browser, f"{address}/models/retimbre", "DeepFilterNet3 and a restorer", "best")
    (version,) = aliases.versions(store.client(), runs[0].id)
    page = f"{address}/models/retimbre/versions/{version.version}"
    shows(browser, page, "Epoch 2.", runs[0].name)


def test_the_listening_page_plays_inside_the_ui(browser, ui):
    address, _, listen = ui
    shows(
        browser,
        f"{address}/experiments/5/runs/{listen.id}/artifacts/listening.html",
        "listening.html",
    )
    wait(browser, "return document.querySelector('iframe') !== null", seconds=40)
    browser.switch_to.frame(browser.find_element("tag name", "iframe"))
    wait(browser, "return document.querySelector('audio')?.duration > 0", seconds=20)
    assert browser.execute_script(
        "return document.querySelector('audio').duration"
    ) == pytest.approx(SECONDS, abs=0.01)
    assert browser.execute_async_script(PLAYS, 0) is True
    browser.switch_to.default_content()
