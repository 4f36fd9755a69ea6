"""Open runs give signs of life, and closed ones do not."""

from lib.config.check import Check
from lib.tracking import heartbeat, session, store


def test_a_run_gives_signs_of_life_while_it_is_open():
    run, _ = session.start("beating", Check)
    assert heartbeat.age_s(store.tags(run.id)) < 60
    run.tags({heartbeat.TAG: "0"})
    heartbeat.send()
    assert heartbeat.age_s(store.tags(run.id)) < 60
    run.finish()
    store.client().set_tag(run.id, heartbeat.TAG, "0")
    heartbeat.send()
    assert store.tags(run.id)[heartbeat.TAG] == "0"
    run.reopen()  # it must not count as dead until the next sign
    assert heartbeat.age_s(store.tags(run.id)) < 60
    run.finish()


def test_a_run_that_is_gone_does_not_silence_the_others():
    heartbeat.begin("0" * 32)  # there is no such run
    run, _ = session.start("left", Check)
    run.tags({heartbeat.TAG: "0"})
    heartbeat.send()
    assert heartbeat.age_s(store.tags(run.id)) < 60
    heartbeat.end("0" * 32)
    run.finish()
