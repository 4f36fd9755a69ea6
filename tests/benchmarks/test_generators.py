"""The cost of generators: counted as known beforehand, for every candidate."""

import pytest
import torch
from torch import nn

from lib.benchmarks import generators
from lib.models import spectral, waveform
from lib.models.generator import make_generator


def test_every_size_and_the_wide_u_net_are_candidates():
    names = [name for name, _ in generators.candidates()]
    sizes = ["bins base", "bands base", *(f"spectral {size}" for size in spectral.SIZES)]
    sizes += [f"waveform {size}" for size in waveform.SIZES]
    assert names == [*sizes, "wide U-Net"]


def test_the_row_of_a_small_generator_is_about_it(monkeypatch):
    network = make_generator("waveform", channels=8, hidden=16)
    monkeypatch.setattr(generators, "candidates", lambda: [("small", network)])
    (row,) = generators.costs(n_hops=40, n_repeats=1).itertuples()
    folded = sum(p.numel() for p in network.parameters())
    assert row.name == "small" and 0 < row.parameters < folded  # weight norms are folded
    assert row.onnx_error < 1e-4 and row.onnx_p99_ms >= row.onnx_ms > 0
    assert min(row.gmac_per_s, row.rtf, row.eager_ms, row.train_audio_per_s) > 0


def test_multiplications_are_counted_for_a_second_of_audio():
    class Convolution(nn.Conv1d):
        n_inputs = 2

    single = Convolution(2, 3, kernel_size=5, padding=2)
    assert generators._gmac_per_s(single) == pytest.approx(2 * 3 * 5 * 48_000 / 1e9)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_cuda_device_the_table_is_empty_and_has_its_columns():
    table = generators.on_cuda()
    assert list(table) == ["name", "dtype", "train_audio_per_s", "peak_mb"] and not len(table)
