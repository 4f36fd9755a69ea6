"""PLCMOS: a network that learned from listeners judges gaps and lost packets."""

from functools import cache

import numpy as np

from lib.audio import files
from lib.runtime.compile_lock import import_librosa

MODEL_RATE = 16_000  # Hz, of the network


def plcmos(estimate: np.ndarray, sample_rate: int) -> float:
    """Mean opinion score of a signal `[T]` alone, 1 to 5; NaN for silence.

    PLCMOS v2 (arXiv:2305.15127), the package `speechmos` at 16 kHz. It was made for gaps in a
    stream. It prefers DeepFilterNet3's output to clean recordings, so it is reported only.
    """
    if not np.any(estimate):
        return float("nan")
    samples = files.resample(np.asarray(estimate, np.float32), sample_rate, MODEL_RATE)
    samples = samples / max(1.0, float(np.abs(samples).max()))
    state = np.random.get_state()  # it draws raters: the score must not depend on that state
    np.random.seed(0)
    try:
        return float(_model()(samples, MODEL_RATE)["plcmos"])
    finally:
        np.random.set_state(state)


@cache
def _model():
    """The network on one thread: scores are computed in parallel processes."""
    import onnxruntime

    import_librosa()  # speechmos imports it
    from speechmos.plcmos import PLCMOS

    model, options = PLCMOS(), onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model.session = onnxruntime.InferenceSession(model.model_path, options)
    return model
