"""The weights that come with this repository."""

import json
import random

import pytest
import torch
from models.networks import small_generator
from safetensors.torch import save_file

from lib.models.content import content_hash
from lib.models.pretrained import WEIGHTS, load_weights, weights_info

PARAMS = {
    **{"architecture": "bands", "channels": 8, "hidden": 32},
    **{"condition_on_noisy": True, "mask_noisy": False, "gate_pauses": True},
}


def stored(path, generator, metadata=None, **more):
    """Weights of `generator` as float16, with their hash; `more` replaces some."""
    halves = {name: value.half() for name, value in generator.state_dict().items()}
    known = {"params": json.dumps(PARAMS), "origin": "{}", "sha256": content_hash(halves)}
    save_file(halves | more, path, known | (metadata or {}))
    return path


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


def test_a_file_with_a_flipped_bit_is_refused_or_loads_the_same(tmp_path):
    """A bit of a weight makes 0.01 of it 700: the network plays noise, and nothing is said."""
    path = stored(tmp_path / "small.safetensors", small_generator(seed=5))
    expected = content_hash(load_weights(path).state_dict())
    content, rng = path.read_bytes(), random.Random(0)
    n_refused = 0
    for place in [*range(8), *(rng.randrange(len(content)) for _ in range(100))]:
        broken = bytearray(content)
        broken[place] ^= 1 << rng.randrange(8)
        path.write_bytes(broken)
        try:
            assert content_hash(load_weights(path).state_dict()) == expected
        except ValueError as error:
            assert str(path) in str(error)
            n_refused += 1
    assert n_refused > 100


@pytest.mark.parametrize("name", PARAMS)
def test_a_parameter_whose_name_is_damaged_is_not_taken_for_one_that_came_later(tmp_path, name):
    path = stored(tmp_path / "small.safetensors", small_generator(seed=5))
    path.write_bytes(path.read_bytes().replace(name.encode(), name.upper().encode()))
    with pytest.raises(ValueError, match=r"small\.safetensors: is damaged"):
        load_weights(path)


def test_a_file_of_a_former_version_has_no_hash(tmp_path):
    path = stored(tmp_path / "small.safetensors", small_generator(seed=5), {"sha256": ""})
    assert load_weights(path).n_inputs == 2


NAME = "head.weight"


@pytest.mark.parametrize(
    "metadata, weights, message",
    [
        ({}, {NAME: torch.full((32, 64), torch.nan)}, "head.weight is NaN or infinite"),
        ({}, {NAME: torch.zeros(7)}, "weights of another network than its parameters describe"),
        ({}, {"more": torch.zeros(7)}, "weights of another network"),
        ({}, {NAME: torch.zeros(1, 12, 1, 3, dtype=torch.int8)}, "weights of another network"),
        ({"channels": 9}, {}, "weights of another network"),
        ({"channels": "8"}, {}, r"its parameters describe no generator \(TypeError"),
        ({"channels": -8}, {}, r"its parameters describe no generator \(RuntimeError"),
        ({"architecture": "wavenet"}, {}, r"its parameters describe no generator \(KeyError"),
        ([1], {}, "no weights of this project"),
        ("{", {}, "no weights of this project"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_the_name_of_their_file(
    tmp_path, metadata, weights, message
):
    params = metadata if isinstance(metadata, str) else json.dumps(metadata)
    if isinstance(metadata, dict):
        params = json.dumps(PARAMS | metadata)
    path = tmp_path / "small.safetensors"
    stored(path, small_generator(seed=5), {"params": params, "sha256": ""}, **weights)
    with pytest.raises(ValueError, match=rf"small\.safetensors: .*{message}"):
        load_weights(path)
