"""Losses of the GAN in closed form."""

import pytest
import torch

from lib.losses.adversarial import adversarial_loss, discriminator_loss, feature_matching


def test_least_squares_terms_in_closed_form():
    clean, restored = [torch.tensor([0.5, 0.5])], [torch.tensor([0.25, 0.25])]
    assert discriminator_loss(clean, restored).item() == pytest.approx(0.25 + 0.0625)
    assert adversarial_loss(restored).item() == pytest.approx(0.5625)


def test_feature_matching_is_relative_to_clean_and_leaves_the_scores_out():
    clean = [[torch.full((2, 3), 2.0), torch.zeros(2)]]
    restored = [[torch.full((2, 3), 3.0), torch.ones(2)]]
    assert feature_matching(restored, clean).item() == pytest.approx(0.5)


def test_feature_matching_of_a_batch_is_the_mean_of_its_items():
    generator = torch.Generator().manual_seed(0)
    restored, clean = (
        [torch.rand(3, 4, 5, generator=generator) for _ in range(2)] for _ in range(2)
    )
    items = [
        feature_matching([[x[i : i + 1] for x in restored]], [[x[i : i + 1] for x in clean]])
        for i in range(3)
    ]
    torch.testing.assert_close(feature_matching([restored], [clean]), torch.stack(items).mean())


def test_maps_of_clean_receive_no_gradient():
    clean, restored = torch.ones(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    feature_matching([[restored, torch.zeros(2)]], [[clean, torch.zeros(2)]]).backward()
    assert clean.grad is None and restored.grad is not None
