"""The command at the end of `make run` shows the newest finished listening run."""

from lib.evaluation import latest_scores


def test_the_command_line_prints_the_newest_listening_run(tmp_path, monkeypatch, capsys):
    from mlflow import MlflowClient

    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(store)
    experiment = client.create_experiment(
        "listen", artifact_location=(tmp_path / "artifacts").as_uri()
    )
    for text, status in [
        ("old scores", "FINISHED"),
        ("new scores", "FINISHED"),
        ("half of them", "FAILED"),
    ]:
        run = client.create_run(experiment)
        client.log_text(run.info.run_id, text, "scores.txt")
        client.log_text(run.info.run_id, "<!doctype html>", "listening.html")
        client.set_terminated(run.info.run_id, status)
    latest_scores.main()
    scores, _, page, ui, train = capsys.readouterr().out.splitlines()
    assert scores == "new scores" and ui.endswith("make ui")
    shown = page.split()[3]
    assert shown.startswith("artifacts/")
    assert (tmp_path / shown).read_text() == "<!doctype html>"
    assert "notebooks/prepare.ipynb" in train
