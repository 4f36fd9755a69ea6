"""DeepFilterNet3 in real arithmetic: as the model with complex numbers."""

import pytest
import torch

from lib.deepfilter.filters import deep_filter
from lib.deepfilter.model import load
from lib.inference import chain_frames
from lib.inference.chain_frames import FRAME_STATES, Frames


@pytest.mark.parametrize("n_hops", [1, 3])
def test_frames_are_those_of_the_model(n_hops):
    torch.manual_seed(0)
    noisy = 0.1 * torch.randn(1, 12 * 480)
    model, frames = load(), Frames()
    level = model.start(1)  # known from a state on, so that the signal is heard as it is
    expected, *_ = model(noisy, level)
    states, rows = [torch.zeros(shape) for shape in FRAME_STATES.values()], []
    for hops in noisy.reshape(-1, n_hops, 480):
        row, *states = frames(hops, torch.ones(n_hops, 1), torch.zeros(1, 1), *states)
        rows.append(row.flatten())
    torch.testing.assert_close(torch.cat(rows)[None], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("n_frames", [1, 3])
def test_pairs_are_filtered_as_complex_numbers(n_frames):
    torch.manual_seed(0)
    spectra, taps = torch.randn(4 + n_frames, 2, 96), torch.randn(n_frames, 96, 5, 2)
    of_pairs = chain_frames.deep_filter(spectra, taps)
    signal = torch.nn.functional.pad(torch.complex(spectra[:, 0], spectra[:, 1]), (0, 385))
    expected = deep_filter(signal[None], torch.view_as_complex(taps)[None])[0]
    torch.testing.assert_close(torch.complex(of_pairs[:, 0], of_pairs[:, 1]), expected)
