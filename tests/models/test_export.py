"""The exported hop: as PyTorch, self-described, and used by a program that knows no PyTorch."""

import os
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
import soundfile
from signals import RATE, voiced

from lib import REPO
from lib.deepfilter.enhance import enhance
from lib.inference.restorer import Restorer, restore_signal
from lib.models import export
from lib.models.export import max_difference, write_onnx
from lib.models.pretrained import load_weights

README = (REPO / "README.md").read_text()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Restorer.load().export(tmp_path_factory.mktemp("onnx") / "restorer.onnx")


def test_it_is_pytorch_over_random_chunks_and_says_what_it_is(model):
    assert max_difference(load_weights(), model.read_bytes(), seed=1) < 1e-4
    about = {one.key: one.value for one in onnx.load(model).metadata_props}
    assert about == {
        "sample_rate": "48000", "hop_length": "480", "delay": "480", "n_inputs": "2", "run": "shipped", "opset": "17",
    }  # fmt: skip


def test_a_model_that_differs_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "max_difference", lambda *_: 2e-4)
    with pytest.raises(
        RuntimeError, match=r"x.onnx: differs from PyTorch by 0.0002, expected at most 0.0001"
    ):
        write_onnx(load_weights(), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_the_example_of_the_readme_restores_without_pytorch(model, tmp_path):
    (code,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", README, re.S)
        if "onnxruntime" in block
    ]
    assert len(code.splitlines()) <= 30
    noisy = 3 * voiced(1.0, 0)
    enhanced = enhance(noisy)
    for name, signal in {"noisy": noisy, "enhanced": enhanced}.items():
        soundfile.write(tmp_path / f"{name}.wav", signal, RATE, "FLOAT")
    (tmp_path / "restorer.onnx").write_bytes(model.read_bytes())
    (tmp_path / "example.py").write_text(f"{code}\nimport sys\nassert 'torch' not in sys.modules\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    restored, _ = soundfile.read(tmp_path / "restored.wav", dtype="float32")
    assert np.abs(restored - restore_signal(load_weights(), enhanced, noisy)).max() < 1e-4
