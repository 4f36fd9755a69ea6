"""DNSMOS as a loss."""

import pytest
import torch
from signals import speech_like

from lib.losses.dnsmos import dnsmos_loss
from lib.losses.reconstruction import ReconstructionLoss
from lib.metrics.dnsmos_network import dnsmos_network

SIGNAL, N_SAMPLES = torch.from_numpy(speech_like(1.0))[None, None], torch.tensor([48_000])


def test_the_loss_is_what_the_mean_rating_lacks_to_five_points_whatever_clean_is():
    rating = dnsmos_network()(SIGNAL, N_SAMPLES).mean().item()
    given = SIGNAL, 0 * SIGNAL, 0 * SIGNAL, N_SAMPLES, torch.tensor([24_000.0])
    loss = ReconstructionLoss(("dnsmos",))(*given)["dnsmos"].item()
    assert loss == pytest.approx(5 - rating, abs=1e-5) and 1 < rating < 5


def test_half_precision_gives_nearly_the_same():
    values = [
        dnsmos_loss(SIGNAL, N_SAMPLES, dtype).item() for dtype in (torch.float32, torch.bfloat16)
    ]
    assert values[1] == pytest.approx(values[0], abs=0.05)
