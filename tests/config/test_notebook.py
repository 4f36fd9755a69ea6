"""Parameters of a running notebook: the kernel's variables, and the cells executed so far."""

import pytest

from lib.config.base import ParameterError
from lib.config.inspect import Inspect
from lib.config.listen import Listen
from lib.config.notebook import given_in_notebook
from lib.config.train import Train

CELL = """corpus: str = 'demo'
n_examples: int = 6  # files
speech_dir: str = (
    ''  # a long comment
)
noise_dir: str = ''
seed: int = 0"""


def taken(history, **namespace):
    """What `inspect` takes after the cells `history` were executed."""
    for source in history:
        exec(source, namespace)
    return given_in_notebook(Inspect, namespace, ["", *history])


def test_papermills_values_are_taken_and_known_as_given():
    values, given = taken([CELL, "# Parameters\nn_examples = 6\nseed = '3'\n"])
    defaults = {"corpus": "demo", "n_examples": 6, "speech_dir": "", "noise_dir": ""}
    assert values == defaults | {"seed": "3"}
    assert given == {"n_examples", "seed"}


def test_a_value_edited_in_the_cell_is_known_as_given():
    assert taken([CELL.replace("6", "2 * 4")])[1] == {"n_examples"}


@pytest.mark.parametrize(
    "history", [[CELL, "# Parameters\nn_example = 3"], [CELL + "\nn_example = 3"]]
)
def test_a_typo_is_refused_wherever_it_is_made(history):
    with pytest.raises(ParameterError, match=r"n_example: .* did you mean n_examples"):
        taken(history)


def test_an_old_name_is_refused_by_its_new_one():
    with pytest.raises(ParameterError, match="high_weight: is called high_band_weight now"):
        given_in_notebook(Train, {"high_weight": 2.0}, ["# Parameters\nhigh_weight = 2.0"])


def test_a_typo_put_right_is_forgiven():
    assert taken([CELL + "\nn_example = 3", CELL])[1] == set()
    assert taken([CELL, "# Parameters\nn_example = 3", CELL])[1] == set()
    corrected = [CELL, "# Parameters\nn_example = 3", "# Parameters\nn_examples = 3"]
    assert taken(corrected)[1] == {"n_examples"}


def test_names_of_other_cells_and_of_papermill_itself_are_no_parameters():
    history = [
        "epoch = 1",
        CELL,
        "# Parameters\nPAPERMILL_OUTPUT_PATH = 'out.ipynb'",
        "n_example = 3",
        "%matplotlib",
    ]
    assert given_in_notebook(Inspect, {"seed": 0}, history) == ({"seed": 0}, set())


def test_a_parameter_whose_name_was_taken_over_keeps_the_value_that_it_had():
    history = ["run = 'best'", "run, p = start()"]
    first, _ = given_in_notebook(Listen, {"run": "best", "seed": 1}, history[:1])
    again, given = given_in_notebook(Listen, {"run": object(), "seed": 2}, history, first)
    assert again == {"run": "best", "seed": 2} and given == {"run", "seed"}
    edited, _ = given_in_notebook(Listen, {"run": "latest"}, [*history, "run = 'latest'"], first)
    assert edited == {"run": "latest"}
