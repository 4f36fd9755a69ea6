"""The command `python -m lib.sweep`. (A whole sweep: tests/tracking/test_sweeps.py.)"""

import pandas as pd
import pytest

from lib import sweep


def call(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["sweep", *map(str, words)])
    sweep.main()


def test_a_file_that_makes_no_sense_ends_with_its_name_and_the_reason(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match=r"nowhere\.yaml: .*No such file"):
        call(monkeypatch, tmp_path / "nowhere.yaml")
    (tmp_path / "a.yaml").write_text("notebook: train\ngrid: {warm_up_steps: [1]}\n")
    with pytest.raises(SystemExit, match=r"a\.yaml: warm_up_steps: is called warmup_steps now"):
        call(monkeypatch, tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text("notebook: [")
    with pytest.raises(SystemExit, match=r"a\.yaml: is no YAML"):
        call(monkeypatch, tmp_path / "a.yaml")
    with pytest.raises(SystemExit, match="2"):
        call(monkeypatch, tmp_path / "a.yaml", "--n-processes", "0")


def test_failed_points_are_counted_and_decide_the_exit_status(monkeypatch, capsys):
    table = pd.DataFrame({"point": [0, 1], "status": ["FINISHED", "FAILED"]})
    monkeypatch.setattr(sweep, "run_sweep", lambda *arguments: table)
    with pytest.raises(SystemExit, match="1 of 2 points failed"):
        call(monkeypatch, "a.yaml")
    monkeypatch.setattr(sweep, "run_sweep", lambda *arguments: table[:1])
    call(monkeypatch, "a.yaml")
    assert "FINISHED" in capsys.readouterr().out
