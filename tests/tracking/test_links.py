"""Links between runs: from a run to what it comes from, and back."""

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

from lib.config.check import Check
from lib.tracking import links, session, store


def ended(name: str, **given) -> str:
    run, _ = session.start(name, Check, given)
    run.finish()
    return run.id


def note(run_id: str) -> list[str]:
    return store.tags(run_id)[links.NOTE].split("\n\n")


def test_a_run_and_its_source_link_to_each_other_once_behind_the_title():
    source, run = ended("made"), ended("judging", corpus="mine")
    for name in ("run=[best]", "run=[latest]"):  # in the UI a run may get another name
        store.client().update_run(run, name=name)
        links.connect(run, source)
    made, judging = (store.experiment(name) for name in ("made", "judging"))
    assert note(run)[:2] == [
        "`judging`: corpus=mine",
        f"Comes from: [made: defaults](#/experiments/{made}/runs/{source}?{links.TRAINING})",
    ]
    back = f"Used by: [judging: run=(latest)](#/experiments/{judging}/runs/{run}?{links.TRAINING})"
    assert note(source)[1] == back and len(note(source)) == 3  # the command comes last


def test_the_newest_that_used_a_run_are_linked(monkeypatch):
    monkeypatch.setattr(links, "MAX_LINKS", 2)
    source, runs = ended("made"), [ended("judging") for _ in range(3)]
    for run in runs:
        links.connect(run, source)
    linked = note(source)[1].count("](#/experiments/")
    assert linked == 2 and runs[0] not in note(source)[1]
    assert note(source)[1].index(runs[2]) < note(source)[1].index(runs[1])


def test_runs_that_link_to_one_source_at_once_are_all_linked(monkeypatch):
    source, runs = ended("made"), [ended("judging") for _ in range(3)]
    tags = store.tags

    def slow_tags(run_id):
        found = tags(run_id)
        time.sleep(0.1)  # so that all have read before one writes
        return found

    monkeypatch.setattr(store, "tags", slow_tags)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(links.connect, runs, 3 * [source]))
    assert all(run in note(source)[1] for run in runs)


def test_pairs_link_to_the_run_that_prepared_them():
    prepared, _ = session.start("prepare", Check, {})
    prepared.dataset("linked", 64 * "c", "all")
    prepared.finish()
    used, _ = session.start("judging", Check, {})
    used.dataset("linked", 64 * "c", "test")
    used.finish()
    assert prepared.id in note(used.id)[1] and used.id in note(prepared.id)[1]
    assert not any(part.startswith(links.FROM) for part in note(prepared.id))


def test_views_are_links_that_name_their_runs():
    ids = [ended("judging"), ended("judging")]
    address = links.side_by_side(ids).partition("](#")[2].rstrip(")")
    assert " " not in address and '"' not in address
    parts = parse_qs(urlsplit(address).query)
    experiment = store.experiment("judging")
    assert parts["runs"] == [f'["{ids[0]}", "{ids[1]}"]']
    assert parts["experiments"] == [f'["{experiment}"]']
    view = links.charts(experiment, "tags.mlflow.parentRunId = 'abc'")
    assert "searchFilter=tags.mlflow.parentRunId%20%3D%20%27abc%27" in view


def test_runs_of_one_experiment_have_charts_and_others_stand_side_by_side():
    ids = [ended("judging"), ended("judging")]
    condition = "searchFilter=attributes.run_id%20IN%20%28%27" + ids[0]
    assert condition in links.comparison(ids)
    mixed = [ids[0], ended("made")]
    assert links.comparison(mixed) == links.side_by_side(mixed)
    # What MLflow finds by this condition are these runs.
    search = parse_qs(links.comparison(ids).partition("runs?")[2].rpartition("runs?")[2])
    found = store.client().search_runs([store.experiment("judging")], *search["searchFilter"])
    assert {run.info.run_id for run in found} == {*ids}


def test_outside_mlflow_a_link_names_the_server(monkeypatch):
    monkeypatch.setattr(store, "uri", lambda: "http://tracking:8080/")
    assert links.absolute("[a](#/b), [c](#/d)") == (
        "[a](http://tracking:8080/#/b), [c](http://tracking:8080/#/d)"
    )
