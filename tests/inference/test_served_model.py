"""The registered model: loaded elsewhere, it restores recordings of any rate, aligned."""

import os
import subprocess
import sys

import mlflow
import numpy as np
import pytest
import soxr
from inference.chains import by_stream, speech_with_pauses
from mlflow.exceptions import MlflowException

from lib.inference import chain_export
from lib.inference.logged_model import log_shipped
from lib.models.pretrained import load_weights
from lib.tracking import store

# In a folder of its own, without this repository
ELSEWHERE = """
import sys
import mlflow, numpy as np
model = mlflow.pyfunc.load_model("models:/retimbre@shipped")
np.save("restored.npy", model.predict(np.load("noisy.npy")))
assert not sys.modules.keys() & {"torch", "lib"}
"""


@pytest.fixture(scope="module")
def version():
    """The weights of the repository, registered."""
    with pytest.MonkeyPatch.context() as patch:
        # The comparison with the stream takes seconds, and is that of the first test below.
        patch.setattr(chain_export, "max_difference", lambda *_: 0.0)
        return log_shipped()


@pytest.fixture(scope="module")
def model(version):
    return mlflow.pyfunc.load_model(version.source)


def delay(late: np.ndarray, signal: np.ndarray) -> int:
    """Samples by which `late` follows `signal`, from their correlation."""
    return int(np.correlate(late, signal, "full").argmax()) - len(signal) + 1


def test_it_restores_in_a_fresh_process_elsewhere_as_the_stream_does(version, tmp_path):
    noisy = speech_with_pauses()
    np.save(tmp_path / "noisy.npy", noisy)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"MLFLOW_TRACKING_URI": store.uri()}
    command = [sys.executable, "-P", "-c", ELSEWHERE]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["noisy.npy", "restored.npy"]
    restored = np.load(tmp_path / "restored.npy")
    late = by_stream(load_weights(), np.concatenate([noisy, np.zeros(2400, np.float32)]))
    assert np.abs(restored - late[2400:]).max() < 1e-4


def test_a_second_training_registers_the_shipped_weights_no_second_time(version):
    assert log_shipped().version == version.version
    named = store.client().get_model_version_by_alias("retimbre", "shipped")
    assert str(named.version) == str(version.version)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_another_rate_comes_back_at_that_rate_aligned_and_as_long(model, rate):
    noisy = soxr.resample(speech_with_pauses()[-48_000:], 48_000, rate)[:-7]
    restored = model.predict(noisy, params={"sample_rate": rate})
    assert restored.shape == noisy.shape and restored.dtype == np.float32
    assert delay(restored, noisy) == 0
    # With the source alone nothing but the resampling is left.
    dry = model.predict(noisy, params={"sample_rate": rate, "mix": 0.0})
    middle = slice(500, -500)
    assert np.abs(dry - noisy)[middle].max() < 0.02 * np.abs(noisy).max()


def test_a_recording_does_not_depend_on_the_one_before(model):
    noisy = speech_with_pauses()[-24_000:]
    first = model.predict(noisy)
    model.predict(0.1 * noisy[::-1].copy(), params={"mix": 0.5})
    np.testing.assert_array_equal(model.predict(noisy), first)


@pytest.mark.parametrize(
    ("shape", "params", "message"),
    [
        (0, {}, r"expected samples \[T\] of one channel, got \(0,\)"),
        ((2, 480), {}, r"\(2, 480\) does not match expected shape \(-1,\)"),
        (480, {"sample_rate": 0}, "sample_rate 0: expected Hz, at least 1"),
        (480, {"mix": 2.0}, "mix 2.0: expected 0 to 1"),
    ],
)
def test_what_it_cannot_restore_is_refused_by_name(model, shape, params, message):
    with pytest.raises((ValueError, MlflowException), match=message):
        model.predict(np.zeros(shape, np.float32), params=params)
