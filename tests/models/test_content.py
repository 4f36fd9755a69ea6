"""The hash of weights changes with each bit, and with nothing else."""

import pytest
import torch
from models.networks import small_generator

from lib.models.content import content_hash


def test_equal_weights_have_equal_hashes_and_one_bit_changes_it():
    weights = small_generator(seed=1).state_dict()
    assert content_hash(weights) == content_hash(small_generator(seed=1).state_dict())
    for name, tensor in list(weights.items())[:3]:
        changed = tensor.clone()
        changed.view(-1).view(torch.uint8)[0] ^= 1
        assert content_hash(weights | {name: changed}) != content_hash(weights)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.int64])
def test_types_and_shapes_belong_to_it(kind):
    zeros = torch.zeros(2, 3, dtype=kind)
    hashes = {
        content_hash({"a": tensor})
        for tensor in (zeros, zeros.T, zeros.reshape(6), torch.zeros(2, 3), torch.tensor(0.0))
    }
    assert len(hashes) == 5 and content_hash({"a": zeros}) != content_hash({"b": zeros})
