"""Reading segments: both methods give the same samples, and the ratio is to whole files."""

import pandas as pd
import torch
from benchmarks.folders import sources_below
from signals import voiced

from lib.audio import files
from lib.benchmarks import reading
from lib.data.segments import PairSegments


def test_both_methods_read_the_same_samples(tmp_path):
    row = {"id": "0", "n_samples": 48_000, "bandwidth_hz": 24_000.0}
    for seed, name in enumerate(("clean", "noisy", "enhanced")):
        row[name] = f"{name}.flac"
        files.write(tmp_path / row[name], voiced(1.0, seed), 48_000)
    datasets = [
        dataset(tmp_path, pd.DataFrame([row]), 9_600, 3)
        for dataset in (PairSegments, reading.WholeFiles)
    ]
    for part, whole in zip(datasets[0][0][:3], datasets[1][0][:3], strict=True):
        assert torch.equal(part, whole)


def test_the_ratio_is_to_whole_files(tmp_path):
    table = reading.measure_reading(sources_below(tmp_path), n_files=2, n_items=8, n_repeats=1)
    assert table.method.tolist() == ["segments", "whole files"]
    assert table.ratio[1] == table.ratio_min[1] == 1.0 and (table.items_per_s > 0).all()
