"""What a restorer refuses, in Python, in streams, in files and in the command alike."""

import operator
from collections.abc import Sequence

import numpy as np


def check_options(mix: float, already_enhanced: bool, has_noisy: bool) -> None:
    """Whether the options make sense together.

    Args:
        mix: share of restored in the result; the rest is the source.
        already_enhanced: the source has been through DeepFilterNet3.
        has_noisy: the noisy original of the source is given.

    Raises:
        ValueError: `mix` is not within 0 to 1, or a noisy original is given for a source that is
            noisy itself.

    >>> check_options(mix=0.5, already_enhanced=True, has_noisy=True)
    >>> check_options(mix=5, already_enhanced=False, has_noisy=False)
    Traceback (most recent call last):
    ValueError: mix 5: expected 0 to 1
    """
    if not 0 <= mix <= 1:  # written so that NaN is refused too
        raise ValueError(f"mix {mix}: expected 0 to 1")
    if has_noisy and not already_enhanced:
        raise ValueError("noisy goes with already_enhanced: else the source is the noisy recording")


def check_rate(sample_rate: int) -> int:
    """A sample rate in Hz. Raises `ValueError` if it is no whole number above 0.

    >>> check_rate(44_100)
    44100
    """
    try:
        rate = operator.index(sample_rate)
    except TypeError:
        rate = 0
    if rate <= 0:
        raise ValueError(f"sample_rate {sample_rate!r}: expected a whole number of Hz above 0")
    return rate


def checked_signals(
    signals: Sequence[np.ndarray],
    noisy: Sequence[np.ndarray] | None = None,
    axes: Sequence[int] = (1,),
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Signals and their noisy originals as float32; the signals themselves if there are none.

    Args:
        axes: numbers of axes that a signal may have.

    Raises:
        ValueError: samples that are no floating-point numbers (an integer's full scale cannot be
            known here), NaN or infinite; no samples; an original of another shape.

    >>> checked_signals([np.array([0, 32_767], np.int16)])
    Traceback (most recent call last):
    ValueError: signal: samples are int16, expected floating point, full scale 1.0
    """
    checked = [_checked("signal", signal, axes) for signal in signals]
    if noisy is None:
        return checked, checked
    originals = [_checked("noisy", signal, axes) for signal in noisy]
    if len(checked) != len(originals):
        raise ValueError(f"{len(originals)} noisy signals, expected {len(checked)}")
    for signal, original in zip(checked, originals, strict=True):
        if signal.shape != original.shape:
            raise ValueError(f"noisy is {original.shape}, expected {signal.shape}")
    return checked, originals


def _checked(name: str, signal: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    samples = np.asarray(signal)
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(
            f"{name}: samples are {samples.dtype}, expected floating point, full scale 1.0"
        )
    if samples.ndim not in axes:
        shapes = " or ".join({1: "[T]", 2: "[T, channels]"}[n] for n in axes)
        raise ValueError(f"{name}: expected {shapes}, got {samples.shape}")
    with np.errstate(over="ignore"):
        samples = samples.astype(np.float32, copy=False)
    broken = np.argwhere(~np.isfinite(samples))
    if len(broken):
        raise ValueError(
            f"{name}: {len(broken)} samples are NaN or infinite, the first one at {broken[0][0]}"
        )
    return samples
