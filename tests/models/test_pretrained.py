"""The weights that come with this repository."""

import json

import pytest
import torch
from models.networks import small_generator
from safetensors.torch import save_file

from lib.models.pretrained import WEIGHTS, load_weights, weights_info

PARAMS = {
    **{"architecture": "bands", "channels": 8, "hidden": 32},
    **{"condition_on_noisy": True, "mask_noisy": False, "gate_pauses": True},
}


def test_stored_weights_come_back_in_single_precision(tmp_path):
    generator = small_generator(seed=5)
    path = tmp_path / "small.safetensors"
    halves = {name: value.half() for name, value in generator.state_dict().items()}
    metadata = {"params": json.dumps({**PARAMS, "epochs": 3}), "origin": '{"run": "abc"}'}
    save_file(halves, path, metadata)
    loaded = load_weights(path)
    assert not loaded.training
    for name, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, halves[name].float())
    assert weights_info(path)["origin"] == {"run": "abc"}


def test_the_file_of_the_repository_names_its_run_and_its_parameters():
    info = weights_info()
    assert info["origin"]["run"]
    assert load_weights().arguments[0] == info["params"]["channels"]
    assert WEIGHTS.name == "restorer.safetensors"


@pytest.mark.parametrize("content", [None, b"", b"no weights at all"])
def test_a_file_that_holds_no_weights_is_refused_by_its_name(tmp_path, content):
    path = tmp_path / "other.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.safetensors: no weights of this project"):
        load_weights(path)


def test_weights_of_another_project_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="no weights of this project"):
        weights_info(path)
