"""DeepFilterNet3 in real arithmetic: as the model with complex numbers."""

import pytest
import torch

from lib.deepfilter import filters
from lib.deepfilter.model import load
from lib.deepfilter.settings import Settings
from lib.inference.chain_frames import FRAME_STATES, Frames, deep_filter


@pytest.fixture(scope="module")
def frames():
    return Frames()


@pytest.mark.parametrize("n_hops", [1, 3])
@pytest.mark.parametrize("limit_db, share", [(100.0, 0.0), (20.0, 0.1)])
def test_frames_are_those_of_the_model(frames, n_hops, limit_db, share):
    torch.manual_seed(0)
    noisy = 0.1 * torch.randn(1, 24 * 480)
    model = load(Settings(atten_lim_db=limit_db))
    expected, *_ = model(noisy, model.start(1))
    states, rows = [torch.zeros(shape) for shape in FRAME_STATES.values()], []
    for hops in noisy.reshape(-1, n_hops, 480):
        row, *states = frames(hops, torch.ones(n_hops, 1), torch.full((1, 1), share), *states)
        rows.append(row.flatten())
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(torch.cat(rows)[None], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("n_frames", [1, 3])
def test_pairs_are_filtered_as_complex_numbers(frames, n_frames):
    torch.manual_seed(0)
    low, taps = torch.randn(4 + n_frames, 2, 96), torch.randn(n_frames, 5, 2, 96)
    of_pairs = deep_filter(frames.turned(low), taps, torch.zeros(1, 1))
    spectra = torch.nn.functional.pad(torch.complex(low[:, 0], low[:, 1]), (0, 385))
    taps = torch.complex(taps[:, :, 0], taps[:, :, 1]).transpose(1, 2)  # [n, 96, 5]
    expected = filters.deep_filter(spectra[None], taps[None])[0]
    torch.testing.assert_close(torch.complex(of_pairs[:, 0], of_pairs[:, 1]), expected)
