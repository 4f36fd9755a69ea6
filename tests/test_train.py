"""The command `python -m lib.train`: its parameters, and the run of a failure.

`tests/training/test_train_command.py` runs it as a process.
"""

import pytest

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
