"""Processes: each is measured by itself, and is that of the command."""

import numpy as np
import pytest

from lib.benchmarks.items import Item
from lib.benchmarks.processes import process_costs


def test_a_file_and_the_first_sample_of_a_stream():
    hiss = 0.1 * np.random.default_rng(0).standard_normal(4_800).astype(np.float32)
    table = process_costs(Item("hiss", 0.0, hiss), [0.5], n_repeats=1)
    assert table.task.tolist() == ["a file of 0.5 s", "a stream's first sample"]
    assert (table.wall_s > 0.05).all() and 0.05 < table.cpu_s[0] < 10
    # Without PyTorch, whose import alone takes more.
    assert table.peak_mb.between(30, 250).all()


def test_a_process_that_fails_is_no_measurement():
    with pytest.raises(RuntimeError, match="holds no samples"):
        process_costs(Item("nothing", 0.0, np.zeros(480, np.float32)), [0.0], n_repeats=1)
