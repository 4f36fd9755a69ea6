"""Losses of the GAN: least squares for both sides, and feature matching."""

import torch
from torch import Tensor


def discriminator_loss(scores_clean: list[Tensor], scores_restored: list[Tensor]) -> Tensor:
    """Least squares (1611.04076): clean towards 1, restored towards 0.

    Each list has one tensor `[B, places]` of scores a discriminator. Each place counts by itself,
    as in HiFi-GAN (2010.05646); the loss is the mean over the lists.

    >>> discriminator_loss([torch.ones(2)], [torch.zeros(2)]).item()
    0.0
    """
    # Means over the members: the loss does not grow with their number.
    pairs = zip(scores_clean, scores_restored, strict=True)
    return torch.stack(
        [(1 - clean).square().mean() + restored.square().mean() for clean, restored in pairs]
    ).mean()


def adversarial_loss(scores_restored: list[Tensor]) -> Tensor:
    """Least squares, the generator's side: restored towards 1; the mean over the discriminators.

    >>> adversarial_loss([torch.zeros(2)]).item()
    1.0
    """
    return torch.stack([(1 - score).square().mean() for score in scores_restored]).mean()


def feature_matching(restored: list[list[Tensor]], clean: list[list[Tensor]]) -> Tensor:
    """Feature matching (1910.06711): mean distance of all activations except the scores.

    Args:
        restored, clean: activations, a list for each discriminator with a tensor for each layer.
            The last layer is the score and is left out. Clean receives no gradient.

    A distance is relative to the mean magnitude of the clean item in that layer, so that all layers
    weigh alike.

    >>> maps = [[torch.full((1, 3), 2.0), torch.zeros(1)]]
    >>> feature_matching([[torch.full((1, 3), 3.0), torch.zeros(1)]], maps).item()
    0.5
    """
    # The floor keeps the ratio finite where a layer is silent on a clean item.
    terms = [
        (_item_size(ours - real.detach()) / _item_size(real.detach()).clamp(min=1e-4)).mean()
        for maps, real_maps in zip(restored, clean, strict=True)
        for ours, real in zip(maps[:-1], real_maps[:-1], strict=True)
    ]
    return torch.stack(terms).mean()


def _item_size(x: Tensor) -> Tensor:
    """Mean magnitude of each item. Half-precision activations are summed in single precision."""
    return x.abs().flatten(1).mean(1, dtype=torch.float32)
