"""Loss terms and weights with the same names."""

import torch
from torch import Tensor


def weighted_sum(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """The sum of `weights[name] * terms[name]`.

    Raises:
        KeyError: the two do not have the same names, e.g. because a weight is misspelt.

    >>> weighted_sum({"l1": torch.tensor(2.0)}, {"l1": 50.0}).item()
    100.0
    """
    # Without this a misspelt weight would drop its term.
    if terms.keys() != weights.keys():
        raise KeyError(f"loss terms {sorted(terms)}, but weights for {sorted(weights)}")
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def as_text(terms: dict[str, float]) -> str:
    """The terms in one line, for progress bars.

    >>> as_text({"l1": 0.0123, "spectral": 6.0})
    'l1 0.012, spectral 6.000'
    """
    return ", ".join(f"{name} {term:.3f}" for name, term in terms.items())
