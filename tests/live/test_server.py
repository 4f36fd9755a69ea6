"""The server of the live page: loopback alone, nothing from elsewhere, refusals, `make live`."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from threading import Thread

import pytest

from lib import REPO
from lib.inference.chain_runtime import ChainStream
from lib.live import server

PAGE_FILES = [path for path in server.PAGE.iterdir() if path.is_file()]


@pytest.fixture(scope="module")
def address(model):
    """Of a running server; ONNX Runtime for browsers need not be there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "RUNTIME", server.PAGE / "index.html")
        running = server.make_server(model, 0)
    with running:
        Thread(target=running.serve_forever, daemon=True).start()
        assert running.server_address[0] == "127.0.0.1"
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def get(address):
    with urllib.request.urlopen(address) as answer:
        return answer.headers, answer.read()


@pytest.mark.parametrize("name", [path.name for path in PAGE_FILES])
def test_every_file_of_the_page_forbids_what_is_elsewhere(address, name):
    headers, content = get(f"{address}/{name}")
    policy = dict(part.split(maxsplit=1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy.pop("default-src") == "'none'"
    allowed = {source for sources in policy.values() for source in sources.split()}
    assert allowed == {"'self'", "'none'", "'wasm-unsafe-eval'"}
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    # The one name of a place is that of SVG, which nothing loads.
    places = re.findall(rb"(?:https?:)?//[a-z0-9.]+\.[a-z]+", content)
    assert set(places) <= {b"http://www.w3.org"}


@pytest.mark.parametrize(
    "name, kind",
    [
        ("main.js", "text/javascript"),
        ("ort.mjs", "text/javascript"),
        ("ort.wasm", "application/wasm"),
        ("style.css", "text/css"),
        ("index.html", "text/html"),
    ],
)
def test_kinds_of_files_are_those_that_browsers_ask_for(name, kind):
    handler = server.Handler.__new__(server.Handler)
    assert handler.guess_type(name) == kind


def test_the_model_and_its_description_are_served(address, model):
    headers, content = get(f"{address}/chain.onnx")
    assert content == model.read_bytes()
    assert headers["Content-Type"] == "application/octet-stream"
    description = json.loads(get(f"{address}/chain.json")[1])
    assert (description["sample_rate"], description["hop_length"]) == (48_000, 480)
    assert description["delay"] == 1_920
    states = ChainStream(model).states
    assert description["states"] == {name: list(states[name].shape) for name in states}


@pytest.mark.parametrize("path", ["node_modules/", "../server.py", "%2e%2e/server.py", "none.js"])
def test_nothing_else_is_served(address, path):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{address}/{path}")


def test_a_file_that_is_no_chain_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "RUNTIME", server.PAGE / "index.html")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(SystemExit, match=r"text.onnx: no ONNX model.*lib.restore --export"):
        server.make_server(tmp_path / "text.onnx", 0)


def test_a_port_in_use_is_named_with_another_one(model, monkeypatch):
    monkeypatch.setattr(server, "RUNTIME", server.PAGE / "index.html")
    with socket.socket() as taken:
        taken.bind((server.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=rf"port {port}: .*make live PORT={port + 1}"):
            server.make_server(model, port)


def test_a_page_without_its_runtime_is_not_served(model, monkeypatch, tmp_path):
    monkeypatch.setattr(server, "RUNTIME", tmp_path / "ort.mjs")
    with pytest.raises(SystemExit, match=r"ort.mjs: missing; `make live` fetches it"):
        server.make_server(model, 0)


@pytest.mark.parametrize("words", [[], ["chain.onnx"], ["chain.onnx", "0"], ["a", "65536"]])
def test_words_that_make_no_sense_are_refused_with_an_example(words):
    with pytest.raises(SystemExit, match=r"like python -m lib.live.server chain\.onnx 5010"):
        server.parse(words)


def test_ctrl_c_ends_it_without_a_traceback(model):
    if not server.RUNTIME.exists():
        pytest.skip("needs ONNX Runtime for browsers: `make live` fetches it with npm")
    with socket.socket() as free:
        free.bind((server.HOST, 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "lib.live.server", str(model), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPO,
        # A shell's background job ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == f"live page: http://127.0.0.1:{port} (Ctrl-C ends it)\n"
    get(f"http://127.0.0.1:{port}")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("live page: ended\n", "")
    assert process.returncode == 0


# -- make live


def make(*words, **options):
    command = [shutil.which("make"), "--no-print-directory", *words]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, **options)


def test_make_live_serves_the_exported_chain():
    steps = make("-n", "live", "VENV=/opt/venv", "PORT=7").stdout.splitlines()
    assert steps[-1] == "/opt/venv/bin/python -m lib.live.server runs/cache/chain.onnx 7"
    steps = make("-nB", "live", "VENV=/opt/venv").stdout
    export = "/opt/venv/bin/python -m lib.restore --export runs/cache/chain.onnx --overwrite"
    assert steps.index("npm ci") < steps.index(export) < steps.index("lib.live.server")
    assert steps.splitlines()[-1].endswith(" 5010")


def test_without_npm_make_says_what_to_install(tmp_path):
    for name in ("package.json", "package-lock.json"):
        shutil.copy(server.PAGE / name, tmp_path)
    target = f"{tmp_path}/node_modules/.package-lock.json"
    done = make(target, f"PAGE={tmp_path}", env={"PATH": str(tmp_path)})
    assert done.returncode != 0 and not Path(target).exists()
    assert "npm is missing: apt install npm" in done.stdout + done.stderr


def test_the_packages_of_the_page_are_locked_without_a_place():
    lock = json.loads((server.PAGE / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert "node_modules/onnxruntime-web" in packages
    assert all("integrity" in entry and "resolved" not in entry for entry in packages.values())
