"""The points of a sweep, and what is refused before any work."""

import pytest

from lib import REPO
from lib.config.plain_yaml import read_yaml
from lib.config.search import sweep_points

FILES = sorted((REPO / "params" / "sweep").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_sweeps_that_come_with_it_are_valid(path):
    assert len(sweep_points(read_yaml(path.read_text()))) >= 8


def test_a_grid_is_every_combination():
    grid = {"seed": [0, 1], "lr": [1e-3, 1e-4]}
    points = sweep_points({"notebook": "train", "fixed": {"epochs": 3}, "grid": grid})
    assert [(point["epochs"], point["seed"], point["lr"]) for point in points] == [
        (3, 0, 1e-3),
        (3, 0, 1e-4),
        (3, 1, 1e-3),
        (3, 1, 1e-4),
    ]


def test_a_random_search_follows_from_its_seed_and_stays_in_its_ranges():
    ranges = {"batch_size": {"min": 2, "max": 8}, "channels": [16, 24]}
    sweep = {"notebook": "train", "random": {"n": 5, "seed": 1} | ranges}
    points = sweep_points(sweep)
    assert points == sweep_points(sweep) and len(points) == 5
    assert all(2 <= point["batch_size"] <= 8 and point["channels"] in (16, 24) for point in points)
    sweep["random"]["seed"] = 2
    assert points != sweep_points(sweep)


def test_numbers_may_be_written_as_text_and_names_stay_text():
    text = "notebook: train\nfixed: {corpus: 0170}\ngrid: {lr: [1e-3, 2.0e-4], seed: [1]}"
    assert sweep_points(read_yaml(text)) == [
        {"corpus": "0170", "lr": 1e-3, "seed": 1},
        {"corpus": "0170", "lr": 2e-4, "seed": 1},
    ]
    text = "notebook: train\nrandom: {n: 3, seed: 0, lr: {min: 1e-4, max: 1e-2, log: true}}"
    assert all(1e-4 <= point["lr"] <= 1e-2 for point in sweep_points(read_yaml(text)))


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (
            {"notebook": "train", "grid": {"lerning_rate": [1]}},
            "lerning_rate: no such parameter of train",
        ),
        (
            {"notebook": "train", "grid": {"lambda_disturbance": [1]}},
            "lambda_disturbance: is called lambda_pesq now",
        ),
        ({"notebook": "train", "grid": {"epochs": 3}}, "epochs = 3, expected a list"),
        ({"notebook": "train"}, "either grid or random"),
        ({"notebook": "tain", "grid": {"seed": [0]}}, "'tain': expected one of prepare"),
        ({"notebook": "train", "gird": {"seed": [0]}}, "gird: expected notebook"),
        (
            {"notebook": "train", "random": {"n": 1, "lr": {"least": 1}}},
            "random: lr = .*expected a list, or min and max",
        ),
        ({}, "either grid or random"),
        ({"notebook": ["train"], "grid": {"seed": [0]}}, "'train'.: expected one of prepare"),
        ({"notebook": "train", "grid": [1]}, "grid = .1.: expected names and values"),
        ({"notebook": "train", "grid": None}, "grid = None: expected names and values"),
        ({"notebook": "train", "fixed": 3, "grid": {"seed": [0]}}, "fixed = 3: expected names"),
        ({"notebook": "train", "grid": {3: [0]}}, "3: no such parameter of train"),
        ({"notebook": "train", "random": {"lr": [0.1]}}, "random: n = None, expected a whole"),
        ({"notebook": "train", "random": {"n": "two"}}, "random: n = 'two', expected a whole"),
        ({"notebook": "train", "random": {"n": 0}}, "random: n = 0, expected a whole number from"),
        ({"notebook": "train", "random": {"n": 1, "seed": -1}}, "random: seed = -1, expected"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(sweep, message):
    with pytest.raises(ValueError, match=message):
        sweep_points(sweep)
