"""The same inputs are refused everywhere: by a call, a batch, a stream, a file."""

import numpy as np
import pytest
from signals import RATE, voiced, write

from lib.inference.checks import check_rate, checked_signals
from lib.inference.jobs import Job
from lib.inference.recordings import restore_jobs
from lib.inference.restorer import Restorer

SIGNAL = 3 * voiced(0.1, 0)
WHOLE = np.rint(SIGNAL * 2**15).astype(np.int16)
BROKEN = np.where(np.arange(len(SIGNAL)) == 7, np.nan, SIGNAL)

REFUSED = {
    "mix above 1": ({"mix": 5}, "mix 5: expected 0 to 1"),
    "mix below 0": ({"mix": -0.1}, "mix -0.1: expected 0 to 1"),
    "mix is NaN": ({"mix": np.nan}, "mix nan: expected 0 to 1"),
    "two noisy recordings": ({"noisy": SIGNAL}, "noisy goes with already_enhanced"),
    "integers": ({"signal": WHOLE}, "signal: samples are int16, expected floating point"),
    "NaN": ({"signal": BROKEN}, "signal: 1 samples are NaN or infinite, the first one at 7"),
    "integers beside floats": (
        {"noisy": WHOLE, "already_enhanced": True},
        "noisy: samples are int16, expected floating point",
    ),
    "NaN beside": (
        {"noisy": BROKEN, "already_enhanced": True},
        "noisy: 1 samples are NaN or infinite, the first one at 7",
    ),
    "another length": (
        {"noisy": SIGNAL[:-1], "already_enhanced": True},
        r"noisy is \(4799,\), expected \(4800,\)",
    ),
}


@pytest.fixture(scope="module")
def restorer():
    return Restorer.load()


def by_call(restorer, signal, noisy, **options):
    restorer(signal, RATE, noisy=noisy, **options)


def by_batch(restorer, signal, noisy, **options):
    restorer.restore_batch([signal], None if noisy is None else [noisy], **options)


def by_stream(restorer, signal, noisy, **options):
    restorer.stream(**options).push(signal, noisy)


@pytest.mark.parametrize("way", [by_call, by_batch, by_stream])
@pytest.mark.parametrize("given, message", REFUSED.values(), ids=REFUSED)
def test_every_way_refuses_the_same(restorer, way, given, message):
    """Integers beside floats gave an RMS of 7.7 in place of 0.03, a mix of 5 nine times as much."""
    with pytest.raises(ValueError, match=message):
        way(restorer, **({"signal": SIGNAL, "noisy": None} | given))


@pytest.mark.parametrize("given", [{"mix": 5}, {"noisy": SIGNAL}])
def test_files_with_such_options_are_refused_before_any_work(restorer, tmp_path, given):
    paths = {name: write(tmp_path / f"{name}.wav", SIGNAL) for name in ("source", "noisy")}
    noisy = paths["noisy"] if "noisy" in given else None
    options = {name: value for name, value in given.items() if name != "noisy"}
    with pytest.raises(ValueError, match=r"expected 0 to 1|noisy goes with"):
        list(restore_jobs([Job(paths["source"], tmp_path / "out.wav", noisy)], restorer, **options))
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("rate", [0, -8_000, 44_100.5, "48000", np.nan, None])
def test_a_rate_is_a_whole_number_of_hertz(restorer, rate):
    with pytest.raises(ValueError, match="expected a whole number of Hz above 0"):
        restorer(SIGNAL, rate)
    assert check_rate(np.int32(RATE)) == RATE


def test_a_batch_needs_as_many_originals(restorer):
    with pytest.raises(ValueError, match="1 noisy signals, expected 2"):
        restorer.restore_batch([SIGNAL, SIGNAL], [SIGNAL], already_enhanced=True)


def test_floats_of_any_size_are_taken_unchanged():
    for kind in (np.float16, np.float32, np.float64):
        (signal,), (noisy,) = checked_signals([SIGNAL.astype(kind)])
        assert signal is noisy and signal.dtype == np.float32
        np.testing.assert_array_equal(signal, SIGNAL.astype(kind).astype(np.float32))
