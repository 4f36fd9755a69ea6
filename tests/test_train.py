"""The command `python -m lib.train`: its parameters, and the run of a failure.

`tests/training/test_train_command.py` runs it as a process.
"""

import re
import runpy
import sys

import pytest

from lib.tracking import store
from lib.train import failure_recorded, typed_values


def test_a_typed_parameter_wins_over_files_and_the_last_file_over_others(tmp_path):
    (tmp_path / "first.yaml").write_text("epochs: 2\nlr: 0.1\nhidden: 8\n")
    (tmp_path / "second.yaml").write_text("lr: 0.2\nhidden: 16\n")
    (tmp_path / "empty.yaml").write_text("")
    files = [word for name in ("first", "second", "empty") for word in ("-f", f"{name}.yaml")]
    words = [str(tmp_path / word) if word.endswith("yaml") else word for word in files]
    values = typed_values([*words, "-p", "hidden", "32"])
    assert values == {"epochs": 2, "lr": 0.2, "hidden": "32"}


def test_a_name_in_a_file_stays_as_it_is_written(tmp_path):
    (tmp_path / "names.yaml").write_text("corpus: 0170\ninit_run: 1_2\n")
    values = typed_values(["-f", str(tmp_path / "names.yaml")])
    assert values == {"corpus": "0170", "init_run": "1_2"}


def test_an_error_closes_the_run_and_is_raised_again():
    errors = []

    class FakeRun:
        fail = errors.append

    with pytest.raises(KeyboardInterrupt), failure_recorded(FakeRun):
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="no run"), failure_recorded(None):
        raise ValueError("no run")
    assert [type(error) for error in errors] == [KeyboardInterrupt]


def test_a_file_that_is_not_understood_is_named(tmp_path, capsys):
    (tmp_path / "list.yaml").write_text("- epochs\n")
    for name, reason in (("list.yaml", "holds a list alone"), ("none.yaml", "No such file")):
        with pytest.raises(SystemExit, match="2"):
            typed_values(["-f", str(tmp_path / name)])
        assert f"-f {tmp_path / name}: {reason}" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_a_refused_parameter_and_a_missing_corpus_end_with_their_message_alone(monkeypatch, capfd):
    for words, message in (
        (["-p", "epoch", "2"], "^epoch: no such parameter of train, did you mean epochs?"),
        (["-p", "corpus", "mine"], "mine/manifest.csv is missing: prepare this corpus first"),
    ):
        monkeypatch.setattr(sys, "argv", ["train", *words])
        with pytest.raises(SystemExit, match=message):
            runpy.run_module("lib.train", run_name="__main__")
        # The message is the error; before it stands which run keeps it.
        (run_id,) = re.findall(r"\(([0-9a-f]{32})\)", capfd.readouterr().out)
        assert store.client().get_run(run_id).info.status == "FAILED"
