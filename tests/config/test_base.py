"""What a notebook accepts, and that its tagged cell, its model and its YAML files say the same."""

import ast
import json
import subprocess

import papermill
import pytest
import yaml

from lib import REPO
from lib.config import fields
from lib.config.base import ParameterError, build, plain_type
from lib.config.check import Check
from lib.config.inspect import Inspect
from lib.config.listen import Listen
from lib.config.models import MODELS
from lib.config.notebook import _assigned, given_in_notebook
from lib.config.prepare import Prepare
from lib.config.train import Train

NAMES = ["prepare", "inspect", "check", "train", "listen", "bench", "workers", "compare", "restore"]
TRACKED = subprocess.run(
    ["git", "-C", str(REPO), "ls-files", "notebooks/*.ipynb"], capture_output=True, text=True
).stdout.split()
NOTEBOOKS = sorted(
    {REPO / path for path in [*TRACKED, *(f"notebooks/{name}.ipynb" for name in NAMES)]}
)
NOTEBOOKS = [path for path in NOTEBOOKS if path.exists()]
VARIANTS = sorted(path for path in (REPO / "params").glob("*/*") if path.parent.name != "sweep")


def model_of(name):
    return MODELS[name]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_tagged_cell_is_the_model(path):
    model = model_of(path.stem)
    declared = papermill.inspect_notebook(path)
    assert list(declared) == list(model.model_fields)
    for name, found in declared.items():
        assert found["inferred_type_name"] == plain_type(model, name).__name__, name
        assert ast.literal_eval(found["default"]) == getattr(model(), name), name
        assert found["help"].strip(), f"{name} has no comment"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_clean(path):
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    tags = [tag for cell in notebook["cells"] for tag in cell["metadata"].get("tags", [])]
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "papermill" not in notebook["metadata"]
    assert tags.count("parameters") == 1 and "injected-parameters" not in tags
    assert "parameters" in code[0]["metadata"].get("tags", [])
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert not any("papermill" in cell["metadata"] for cell in notebook["cells"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_later_cell_sets_a_parameter(path):
    """Or the second cell, run again, would take its value for the user's."""
    code = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    later = [name for cell in code[1:] for name in _assigned("".join(cell["source"]))]
    assert not set(later) & set(model_of(path.stem).model_fields)


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_variant_names_differences_and_nothing_else(path):
    assert path.suffix == ".yaml"
    model, given = model_of(path.parent.name), yaml.safe_load(path.read_text())
    built = build(model, given)
    assert given
    for name in given:
        assert getattr(built, name) != getattr(model(), name), f"{name} is the default"


def test_text_gets_its_type_as_yaml_reads_it():
    given = {
        "condition_on_noisy": "false",
        "lr": "1e-4",
        "epochs": "3",
        "batch_size": 4.0,
        "resume": None,
    }
    p = build(Train, given)
    assert (p.condition_on_noisy, p.lr, p.epochs, p.batch_size, p.resume) == (False, 1e-4, 3, 4, "")
    p = build(
        Prepare,
        {"snr_db": "[0, 1e1]", "holdout_speakers": "[19, joe]", "noise_dir": "null", "corpus": 7},
    )
    assert (p.snr_db, p.holdout_speakers, p.noise_dir, p.corpus) == (
        [0.0, 10.0],
        ["19", "joe"],
        "",
        "7",
    )


def refusal(model, **given):
    with pytest.raises(ParameterError) as caught:
        build(model, given)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    "model, name, value, expected",
    [
        (Train, "epochs", -1, "greater than or equal to 0"),
        (Train, "epochs", 2.5, "integer"),
        (Train, "epochs", True, "int"),
        (Train, "epochs", "null", "integer"),
        (Train, "condition_on_noisy", 1, "true or false"),
        (Train, "segment_length", 48001, "multiple of 480"),
        (Train, "lr", "nan", "finite"),
        (Train, "device", "tpu", "'cpu'"),
        (Train, "n_valid_scored", 33, "32"),
        (Prepare, "snr_db", "[]", "at least 1"),
        (Prepare, "snr_db", 5, "list"),
        (Prepare, "holdout_speakers", "anna", "list, typed as '[a, b]'"),
        (Prepare, "corpus", "../demo", "plain folder name"),
        (Prepare, "valid_share", 0.0, "greater than 0"),
        (Prepare, "speaker_pattern", "reader_", "a group in brackets"),
        (Prepare, "speaker_pattern", "reader_(", "a regular expression"),
        (Prepare, "speech_glob", "/data/*.wav", "below the folder"),
        (Prepare, "p_clip", 1.5, "less than or equal to 1"),
        (Prepare, "device", "auto", "'cpu'"),
        (Prepare, "pairs_csv", "nowhere.csv", "expected a file, found none"),
        (Listen, "split", "all", "'valid'"),
    ],
)
def test_a_refusal_is_one_line_with_name_value_and_what_is_expected(model, name, value, expected):
    (line,) = refusal(model, **{name: value})
    assert line.startswith(f"{name} = ") and expected in line and "http" not in line


def test_every_problem_has_its_line():
    assert len(refusal(Train, epochs=-1, lr=0, typo=1)) == 3


def test_an_unknown_name_is_answered_with_the_nearest_one():
    (line,) = refusal(Train, gan_start=8)
    assert line == "gan_start: no such parameter of train, did you mean gan_start_epoch?"


def test_values_that_do_not_go_together_are_both_shown():
    (line,) = refusal(Prepare, save_segment_length=24000)
    assert "24000" in line and "48000" in line
    (line,) = refusal(Prepare, scale_min=0.5, scale_max=0.4)
    assert "0.5" in line and "0.4" in line
    (line,) = refusal(Prepare, valid_share=0.5, test_share=0.4)
    assert "0.5" in line and "0.4" in line
    (line,) = refusal(Prepare, noisy_dir=".")
    assert "noisy_dir = '.'" in line and "speech_dir" in line
    (line,) = refusal(Prepare, noisy_dir=".", speech_dir=".", noise_dir=".")
    assert "noise_dir" in line and "own pairs" in line
    assert build(Prepare, {"save_segment_length": 48000}).save_segment_length == 48000


def test_a_folder_must_exist_and_counts_from_where_the_command_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (line,) = refusal(Prepare, speech_dir="speech")
    assert "'speech'" in line and str(tmp_path / "speech") in line
    (tmp_path / "speech").touch()
    assert "a file" in refusal(Prepare, speech_dir="speech")[0]
    (tmp_path / "speech").unlink()
    (tmp_path / "speech").mkdir()
    p = build(Prepare, {"speech_dir": "speech"})
    assert p.speech_dir == "speech" and fields.resolve(p.speech_dir) == tmp_path / "speech"


def test_a_gan_start_beyond_the_end_is_legal_and_warned_of():
    (warning,) = build(Train, {"epochs": 3, "gan_start_epoch": 4}).warnings
    assert "3" in warning and "4" in warning
    assert build(Train, {"epochs": 4, "gan_start_epoch": 4}).warnings == []


def test_parameters_do_not_change_once_they_are_built():
    with pytest.raises(ValueError, match="frozen"):
        Check().corpus = "other"


# from a notebook: the kernel's variables and the cells executed so far

CELL = "corpus: str = 'demo'\nn_examples: int = 6\nspeech_dir: str = ''\nnoise_dir: str = ''\nseed: int = 0  # any"


def taken(history, **namespace):
    """What `inspect` takes after running the cells `history`."""
    for source in history:
        exec(source, namespace)
    return given_in_notebook(Inspect, namespace, ["", *history])


def test_papermills_values_are_taken_and_known_as_given():
    values, given = taken([CELL, "# Parameters\nn_examples = 6\nseed = '3'\n"])
    assert values == {
        "corpus": "demo",
        "n_examples": 6,
        "speech_dir": "",
        "noise_dir": "",
        "seed": "3",
    }
    assert given == {"n_examples", "seed"}


def test_a_value_edited_in_the_cell_is_known_as_given():
    assert taken([CELL.replace("6", "2 * 4")])[1] == {"n_examples"}


@pytest.mark.parametrize(
    "history", [[CELL, "# Parameters\nn_example = 3"], [CELL + "\nn_example = 3"]]
)
def test_a_typo_is_refused_wherever_it_is_made(history):
    with pytest.raises(ParameterError, match=r"n_example: .* did you mean n_examples"):
        taken(history)


def test_a_typo_put_right_is_forgiven():
    assert taken([CELL + "\nn_example = 3", CELL])[1] == set()
    assert taken([CELL, "# Parameters\nn_example = 3", CELL])[1] == set()
    assert taken([CELL, "# Parameters\nn_example = 3", "# Parameters\nn_examples = 3"])[1] == {
        "n_examples"
    }


def test_names_of_other_cells_and_of_papermill_itself_are_no_parameters():
    history = [
        "epoch = 1",
        CELL,
        "# Parameters\nPAPERMILL_OUTPUT_PATH = 'out.ipynb'",
        "n_example = 3",
        "%matplotlib",
    ]
    assert given_in_notebook(Inspect, {"seed": 0}, history) == ({"seed": 0}, set())


def test_a_parameter_whose_name_was_taken_over_comes_from_its_cell():
    values, given = given_in_notebook(
        Listen, {"run": object()}, ["run = 'best'", "run, p = start()"]
    )
    assert values == {"run": "best"} and given == {"run"}
