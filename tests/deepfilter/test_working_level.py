"""The working level: gains of steady signals, known beforehand."""

import numpy as np
import pytest

from lib.deepfilter.working_level import (
    follow,
    hop_powers,
    is_settled,
    known_level,
    sample_gains,
    unknown_level,
)


def powers(*parts: tuple[float, float]) -> np.ndarray:
    """Of hops with steady levels in dB re full scale for so many seconds each: `[1, n]`."""
    levels_db = np.concatenate([np.full(round(100 * s), level_db) for level_db, s in parts])
    return (10 ** (levels_db / 10)).astype(np.float32)[None]


def known_gains(*parts: tuple[float, float]) -> np.ndarray:
    """Gains in dB of a signal that is known beforehand."""
    signal = powers(*parts)
    return follow(signal, known_level(signal, unknown_level(1), whole=True))[0][0]


@pytest.mark.parametrize(
    "level_db, gain_db", [(-31.9, 0), (-32.1, 7.1), (-60, 35), (-70, 45), (-80, 50), (-300, 0)]
)
def test_a_quiet_signal_is_heard_at_25_db_below_full_scale(level_db, gain_db):
    gains = known_gains((level_db, 0.3))
    np.testing.assert_allclose(gains, gain_db, atol=1e-4)
    # Zero to the last bit, since normal signals must not change.
    assert gain_db or not gains.any()


def test_the_loudest_part_of_the_first_5_s_counts_from_their_start():
    assert not known_gains((-90, 4), (-30, 0.5)).any()
    gains = known_gains((-60, 6), (-30, 1))
    assert gains[:600].min() > 34.9
    assert gains[602:].max() < 14
    assert not gains[613:].any()


def test_a_burst_in_a_quiet_signal_does_not_make_the_rest_count_as_loud():
    """The gain is that of the burst; it comes before it and stays behind it."""
    for seconds in (0.2, 2.0):
        gains = known_gains((-45, 2), (-35, seconds), (-45, 1))
        np.testing.assert_allclose(gains, 10, atol=1e-4)
    later = known_gains((-45, 6), (-35, 0.3), (-45, 1))
    np.testing.assert_allclose(later[630:], 10, atol=1)
    # What is as loud as speech is elsewhere stays so.
    assert not known_gains((-45, 2), (-31, 0.2), (-45, 2)).any()


def test_pauses_and_padding_do_not_make_a_signal_quiet():
    for silence in (-300, -71):
        assert not known_gains((-30, 1.0), (-45, 0.5), (silence, 3)).any()


def test_the_loudest_part_is_forgotten_by_1_db_a_second_but_not_in_pauses():
    gains = known_gains((-27, 1), (-80, 60), (-60, 30))
    # 5 dB above the threshold.
    first = int(np.flatnonzero(gains)[0])
    assert first == pytest.approx(100 + 6_000 + 500, abs=2)
    np.testing.assert_allclose(gains[first], 7, atol=0.02)
    np.testing.assert_allclose(gains[first + 1_000], 17, atol=0.02)


def test_an_unknown_signal_is_heard_as_it_is_in_the_half_second_behind_its_first_sound():
    gains, _ = follow(powers((-100, 2), (-60, 2)), unknown_level(1))
    assert not gains[0, :249].any()
    np.testing.assert_allclose(gains[0, 249:], 35, atol=1e-4)
    # Half a second of it is enough to know it; less is not.
    signal = powers((-60, 0.5))
    assert is_settled(known_level(signal, unknown_level(1)))
    assert not is_settled(known_level(signal[:, 1:], unknown_level(1)))


def test_parts_are_the_whole_and_rows_of_a_batch_do_not_hear_each_other():
    signal = np.concatenate([powers((-70, 3), (-28, 1), (-60, 20)), powers((-50, 12), (-200, 12))])
    level = known_level(signal, unknown_level(2))
    whole, after = follow(signal, level)
    parts = []
    for part in np.split(signal, [1, 8, 408], axis=1):
        gains, level = follow(part, level)
        parts.append(gains)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-4)
    for value, expected in zip(level, after, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-4)
    alone, _ = follow(signal[1:], known_level(signal[1:], unknown_level(1)))
    np.testing.assert_allclose(alone[0], whole[1], atol=1e-4)


def test_a_level_above_all_others_stays_for_ever():
    level = unknown_level(1)
    louder = level._replace(loudest_db=level.loudest_db + np.inf)
    assert not follow(powers((-60, 30)), louder)[0].any()


def test_samples_have_the_factor_of_their_hop():
    steady = np.full((1, 48_000), 0.001, np.float32)
    np.testing.assert_allclose(hop_powers(steady), powers((-60, 1)), rtol=1e-5)
    factors, _ = sample_gains(steady, unknown_level(1))
    np.testing.assert_allclose(factors, np.full((1, 48_000), 10 ** (35 / 20)), rtol=1e-4)
