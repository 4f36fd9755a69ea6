"""PLCMOS: a network that learned from listeners judges gaps and lost packets."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from lib.audio import files
from lib.metrics.checks import is_too_short
from lib.runtime.compile_lock import import_librosa

MODEL_RATE = 16_000  # Hz, of the network
# Raters that the network imagines, a random vector each: the score is their mean.
N_RATERS, RATER_SIZE = 15, 64
# Where the network is divided: what it has heard of a signal, before it gets a rater.
HEARD = ("onnx::Concat_335", "onnx::Concat_337")


class _Network(NamedTuple):
    """The network in two parts: signal -> `HEARD`, and that with a rater -> score."""

    features: Any
    hear: Any
    rate: Any


def plcmos(estimate: np.ndarray, sample_rate: int) -> float:
    """Mean opinion score of a signal `[T]` alone, 1 to 5; NaN for silence or less than 0.4 s.

    PLCMOS v2 (arXiv:2305.15127), the package `speechmos` at 16 kHz. It was made for gaps in a
    stream. It prefers DeepFilterNet3's output to clean recordings, so it is reported only.

    The package hears a signal anew for each of its 15 raters. Here it is heard once, and the
    raters are always the same ones.
    """
    if not np.any(estimate) or is_too_short(estimate, sample_rate):
        return float("nan")
    samples = files.resample(np.asarray(estimate, np.float32), sample_rate, MODEL_RATE)
    samples = samples / max(1.0, float(np.abs(samples).max()))
    network = _network()
    features = np.float32(network.features(samples))[None, None]
    heard = network.hear.run(HEARD, {"degraded_audio": features})
    inputs = {name: np.repeat(x, N_RATERS, 0) for name, x in zip(HEARD, heard, strict=True)}
    return float(np.mean(network.rate.run(None, inputs | {"rater_embed": _raters()})[0]))


@cache
def _raters() -> np.ndarray:
    """`[15, 64]`: those that the package draws after `numpy.random.seed(0)`."""
    raters = np.random.RandomState(0).normal(size=(N_RATERS, RATER_SIZE))
    return raters.astype(np.float32)


@cache
def _network() -> _Network:
    """On one thread: scores are computed in parallel processes."""
    import onnx.utils
    import onnxruntime

    import_librosa()  # speechmos imports it
    from speechmos.plcmos import PLCMOS

    package, options = PLCMOS(), onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    whole = onnx.load(package.model_path)
    # The file tells nothing about what lies inside the network.
    describe = onnx.helper.make_tensor_value_info
    inner = (describe(name, onnx.TensorProto.FLOAT, ["batch_size", None]) for name in HEARD)
    whole.graph.value_info.extend(inner)
    whole.graph.output[0].type.tensor_type.ClearField("shape")  # it says: one score
    extractor = onnx.utils.Extractor(whole)
    ends = (["degraded_audio"], [*HEARD]), ([*HEARD, "rater_embed"], ["plcmos"])
    parts = (extractor.extract_model(*names) for names in ends)
    hear, rate = (onnxruntime.InferenceSession(part.SerializeToString(), options) for part in parts)
    return _Network(package.stft_transform, hear, rate)
