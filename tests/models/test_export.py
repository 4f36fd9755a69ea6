"""The exported hop: as PyTorch, self-described, and used by a program that knows no PyTorch."""

import gc
import os
import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile
import torch
from models.networks import random_inputs, small_generator, with_strong_output
from signals import RATE, file_size_limit, voiced

from lib import REPO
from lib.deepfilter.enhance import enhance
from lib.inference.restorer import Restorer, restore_signal
from lib.models import export
from lib.models.export import export_hop, max_difference, run_hops, write_onnx
from lib.models.generator import ARCHITECTURES
from lib.models.pretrained import load_weights

MODEL_CARD = REPO / "lib" / "weights" / "README.md"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Restorer.load().export(tmp_path_factory.mktemp("onnx") / "restorer.onnx")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("condition_on_noisy", [True, False])
@torch.no_grad()
def test_the_export_with_explicit_states_is_the_same_network(architecture, condition_on_noisy):
    network = with_strong_output(small_generator(architecture, condition_on_noisy))
    x = random_inputs(network, 480 * 12, batch_size=1)
    session = onnxruntime.InferenceSession(export_hop(network), providers=["CPUExecutionProvider"])
    state, hops = [part.numpy() for part in network.start(1)], []
    for hop in x.split(480, dim=2):
        inputs = {"inputs": hop.numpy()} | {f"state_{i}": part for i, part in enumerate(state)}
        restored, *state = session.run(None, inputs)
        hops.append(restored)
    np.testing.assert_allclose(np.concatenate(hops, axis=2), network(x)[0].numpy(), atol=1e-4)


@torch.no_grad()
def test_hops_in_onnx_runtime_go_on_from_a_state():
    network = small_generator()
    x = random_inputs(network, 480 * 6, batch_size=1).numpy()
    whole, _ = run_hops(network, x)
    first, state = run_hops(network, x[..., :960])
    second, _ = run_hops(network, x[..., 960:], state)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=2), whole)


def change(network, how):
    with torch.no_grad():
        for parameter in network.parameters():
            if how == "in place":
                parameter.mul_(1.1)
            elif how == "behind PyTorch's back":
                parameter.data.mul_(1.1)
    if how == "loaded":
        network.load_state_dict(small_generator(seed=9).state_dict())


@pytest.mark.parametrize("how", ["in place", "behind PyTorch's back", "loaded"])
@torch.no_grad()
def test_hops_use_the_weights_as_they_are(how):
    """A restorer that was trained on after a stream would have streamed with its former weights."""
    network = with_strong_output(small_generator())
    x = random_inputs(network, 480 * 6, batch_size=1)
    former, state = run_hops(network, x.numpy())
    change(network, how)
    now, _ = run_hops(network, x.numpy())
    np.testing.assert_allclose(now, network(x)[0].numpy(), atol=1e-4)
    assert np.abs(now - former).max() > 1e-3
    if how == "in place":  # and in the middle of a stream, too
        former_states = [torch.from_numpy(part) for part in state]
        change(network, how)
        expected, _ = network(x, former_states)
        np.testing.assert_allclose(run_hops(network, x.numpy(), state)[0], expected, atol=1e-4)


def test_streams_of_one_generator_share_its_export_while_it_lives():
    network = small_generator()
    hop = np.zeros((1, network.n_inputs, 480), np.float32)
    run_hops(network, hop)
    session = export._EXPORTS[network].session
    run_hops(network, hop)
    assert export._EXPORTS[network].session is session
    n_exports = len(export._EXPORTS)
    del network
    gc.collect()
    assert len(export._EXPORTS) == n_exports - 1


def test_states_have_the_names_of_their_places(model):
    graph = onnx.load(model).graph
    n_states = len(load_weights().start(1))
    names = [f"state_{i}" for i in range(n_states)]
    assert [value.name for value in graph.input] == ["inputs", *names]
    assert [value.name for value in graph.output] == [
        "restored",
        *(f"{name}_after" for name in names),
    ]


def test_the_file_does_what_pytorch_does_and_describes_itself(model):
    assert max_difference(load_weights(), model.read_bytes(), seed=1) < 1e-4
    metadata = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
    assert metadata == {
        "sample_rate": "48000",
        "hop_length": "480",
        "delay": "480",
        "n_inputs": "2",
        "run": "shipped",
        "opset": "17",
    }


@pytest.mark.parametrize("difference", [2e-4, float("nan")])
def test_a_model_that_differs_is_not_written(tmp_path, monkeypatch, difference):
    monkeypatch.setattr(export, "max_difference", lambda *_: difference)
    message = f"x.onnx: differs from PyTorch by {difference:.2g}, expected at most 0.0001"
    with pytest.raises(RuntimeError, match=message):
        write_onnx(load_weights(), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_half_of_a_model(tmp_path):
    with pytest.raises(OSError, match=r"File too large: '.*x\.onnx'"), file_size_limit(1_000):
        write_onnx(small_generator(), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_the_example_of_the_model_card_restores_without_pytorch(model, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", MODEL_CARD.read_text(), re.S)
    (code,) = [block for block in blocks if "onnxruntime" in block]
    assert len(code.splitlines()) <= 30
    noisy = 3 * voiced(1.0, 0)
    enhanced = enhance(noisy)
    for name, signal in {"noisy": noisy, "enhanced": enhanced}.items():
        soundfile.write(tmp_path / f"{name}.wav", signal, RATE, "FLOAT")
    (tmp_path / "restorer.onnx").write_bytes(model.read_bytes())
    (tmp_path / "example.py").write_text(f"{code}\nimport sys\nassert 'torch' not in sys.modules\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    example = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert example.returncode == 0, example.stderr[-2000:]
    restored, _ = soundfile.read(tmp_path / "restored.wav", dtype="float32")
    assert np.abs(restored - restore_signal(load_weights(), enhanced, noisy)).max() < 1e-4
