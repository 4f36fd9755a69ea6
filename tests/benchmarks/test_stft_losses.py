"""The STFT losses beside each other: both are timed, the first is the measure."""

import sys

import pytest

from lib.benchmarks.stft_losses import measure_stft_losses


def test_both_losses_are_timed_and_the_first_counts_once():
    pytest.importorskip("auraloss")
    table = measure_stft_losses(n_repeats=1)
    assert table.name.tolist() == ["losses.MultiResolutionSTFT", "auraloss"]
    assert table.times[0] == 1.0 and table.times[1] == pytest.approx(table.ms[1] / table.ms[0])


def test_without_auraloss_the_table_is_empty(monkeypatch):
    monkeypatch.setitem(sys.modules, "auraloss", None)
    monkeypatch.setitem(sys.modules, "auraloss.freq", None)
    table = measure_stft_losses()
    assert list(table) == ["name", "ms", "times"] and not len(table)
