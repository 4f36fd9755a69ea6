"""Weights of loss terms."""

import pytest
import torch

from lib.losses.weighting import as_text, weighted_sum


def test_the_total_is_the_weighted_sum():
    terms = {"l1": torch.tensor(0.1), "spectral": torch.tensor(5.0)}
    assert weighted_sum(terms, {"spectral": 2.0, "l1": 50.0}).item() == pytest.approx(15.0)


def test_a_misspelt_weight_is_an_error():
    with pytest.raises(KeyError, match="spektral"):
        weighted_sum({"spectral": torch.tensor(1.0)}, {"spektral": 1.0})


def test_without_terms_the_text_is_empty():
    assert as_text({}) == ""
