"""The live page in a real Chromium: what is heard is what Python's stream gives, and what fails.

A test never waits for a machine that is quick enough: where hops come in real time, those that did
not get through are allowed, and must be counted.
"""

import base64
from threading import Thread

import numpy as np
import pytest
import soundfile
from chromium import start_chromium, wait
from inference.chains import hops_of, speech_with_pauses

from lib.deepfilter.enhance import enhance_stream
from lib.inference.chain_runtime import ChainStream
from lib.live import server

HOP, DELAY = 480, 1_920
ARROW_LEFT = "\ue012"  # as selenium has it
FAKE_MICROPHONE = "--use-fake-device-for-media-stream"

TOOLS = """
const done = arguments[arguments.length - 1];
const joined = async parts => {  // as base64
  const address = new FileReader();
  const read = new Promise(resolve => (address.onload = resolve));
  address.readAsDataURL(new Blob(parts));
  await read;
  return address.result.split(",")[1];
};
const bySignal = async growing => {
  const hops = [...growing], result = {};
  for (const name of ["noisy", "enhanced", "restored"]) {
    result[name] = await joined(hops.map(hop => hop.signals[name]));
  }
  return result;
};
"""
# A file through the page's own modules, as fast as they are: rendering waits for the network.
THROUGH_IT = """
const file = arguments[0].files[0], margin = 19200;  // results come back long before
const { readRecording } = await import("/recording.js");
const samples = await readRecording(file, new OfflineAudioContext(1, 1, 48000));
const n = samples.length, context = new OfflineAudioContext(1, n, 48000);
await context.audioWorklet.addModule("/worklet.js");
const processorOptions = { hopLength: 480, delay: 1920, margin };
const node = new AudioWorkletNode(context, "live", { processorOptions, outputChannelCount: [1] });
node.connect(context.destination);
const late = [];
node.port.onmessage = ({ data }) => (data.type === "opened" ? context.resume() : late.push(data));

const worker = new Worker("/worker.js", { type: "module" });
const { port1, port2 } = new MessageChannel(), hops = [];
let resume, awaited = 0;
await new Promise(ready => {
  worker.onmessage = ({ data }) => {
    if (data.ready) ready();
    if (data.hop) hops.push(data.hop);
    if (hops.length === awaited) resume();
  };
  worker.postMessage({ audio: port1 }, [port1]);
});
const start = () => {
  node.port.postMessage(["connect", port2], [port2]);
  node.port.postMessage(["open", { take: 1, samples }]);
};
context.suspend(0).then(start);
for (let at = 3840; at <= n; at += 3840) {  // 8 hops, 30 blocks of the audio thread
  context.suspend(at / 48000).then(() => {
    resume = () => context.resume();
    awaited = at / 480;
    if (hops.length === awaited) resume();
  });
}
const heard = (await context.startRendering()).getChannelData(0);
const signals = { heard: await joined([heard]), ...(await bySignal(hops)) };
done({ margin, nLate: late.length, signals });
"""
# The audio thread with a network that is held here: twice the hop as restored, and no hop 3.
WITHOUT_HOP_3 = """
const context = new OfflineAudioContext(1, 7680, 48000);
await context.audioWorklet.addModule("/worklet.js");
const processorOptions = { hopLength: 480, delay: 0, margin: 960 };
const node = new AudioWorkletNode(context, "live", { processorOptions, outputChannelCount: [1] });
node.connect(context.destination);
const { port1, port2 } = new MessageChannel(), said = [];
let nAnswered = 0;
node.port.onmessage = ({ data }) => (data.type === "opened" ? context.resume() : said.push(data));
port1.onmessage = ({ data: { take, index, hop } }) => {
  const signals = { noisy: hop, enhanced: hop, restored: hop.map(sample => 2 * sample) };
  if (index !== 3) port1.postMessage({ take, index, signals });
  nAnswered += 1;
};
const samples = new Float32Array(9600).fill(0.25);
context.suspend(0).then(() => {
  node.port.postMessage(["connect", port2], [port2]);
  node.port.postMessage(["open", { take: 1, samples }]);
});
for (let at = 384; at < 7680; at += 384) {
  context.suspend(at / 48000).then(async () => {
    const isDone = () => nAnswered === Math.floor(at / 480);
    while (!isDone()) await new Promise(resolve => setTimeout(resolve, 1));
    if (at === 3840) node.port.postMessage(["hear", "noisy"]);
    context.resume();
  });
}
const heard = (await context.startRendering()).getChannelData(0);
done({ said, signals: { heard: await joined([heard]) } });
"""
# Two files, then the microphone twice before a file: all at once, as an impatient reader does.
CHOSEN_AT_ONCE = """
const { audio } = await import("/main.js"), { files } = arguments[0], streams = [];
const { mediaDevices } = navigator, getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices);
mediaDevices.getUserMedia = async wanted => {
  streams.push(await getUserMedia(wanted));
  return streams.at(-1);
};
const [long, short] = files, answers = [];
for (const choices of [[long, short], [null, null, short], [long, null]]) {
  const plays = await Promise.all(choices.map(choice => audio.play(choice)));
  answers.push([plays, audio.source, audio.duration]);
}
delete mediaDevices.getUserMedia;
done({ answers, tracks: streams.map(stream => stream.getTracks()[0].readyState) });
"""
KEEPS_HOPS = """
const { audio } = await import("/main.js");
window.kept = [];
audio.addEventListener("hop", ({ detail }) => {
  if (detail.index === 0) kept.length = 0;
  kept.push(detail);
});
done(true);
"""
KEPT = """
const { audio } = await import("/main.js");
const { state } = audio.context, { value: volume } = audio.volume.gain;
done({ indices: kept.map(hop => hop.index), state, volume, signals: await bySignal(kept) });
"""


def run(browser, script, *arguments):
    """What an asynchronous script gives; its signals as arrays."""
    guarded = f"{TOOLS}(async () => {{ {script} }})().catch(error => done(String(error)));"
    result = browser.execute_async_script(guarded, *arguments)
    assert not isinstance(result, str), result
    if isinstance(result, dict):
        for name, text in result.pop("signals", {}).items():
            result[name] = np.frombuffer(base64.b64decode(text), np.float32)
    return result


def said(browser, name):
    return browser.find_element("id", name).text


def allow_microphone(browser, address, setting):
    permission = {"permission": {"name": "microphone"}, "setting": setting, "origin": address}
    browser.execute_cdp_cmd("Browser.setPermission", permission)


def open_page(browser, address):
    browser.get(address)
    wait(browser, "return !document.getElementById('status').textContent.startsWith('Load')", 60)


@pytest.fixture(scope="module")
def address(model):
    """Of a page with its packages from npm, served from here."""
    if not server.RUNTIME.exists():
        pytest.skip("needs ONNX Runtime for browsers: `make live` fetches it with npm")
    with server.make_server(model, 0) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """2.5 s with pauses, for the file chooser and for the fake microphone."""
    signal = speech_with_pauses()
    folder = tmp_path_factory.mktemp("speech")
    soundfile.write(folder / "speech.wav", signal, 48_000, "FLOAT")
    soundfile.write(folder / "microphone.wav", signal, 48_000, "PCM_16")
    return signal, folder


@pytest.fixture(scope="module")
def browser(address, speech, tmp_path_factory):
    """A Chromium whose microphone plays a file once, with the page open."""
    capture = f"--use-file-for-fake-audio-capture={speech[1] / 'microphone.wav'}%noloop"
    session = start_chromium(tmp_path_factory.mktemp("chromium"), FAKE_MICROPHONE, capture)
    session.set_script_timeout(120)
    open_page(session, address)
    run(session, KEEPS_HOPS)
    yield session
    session.quit()


def by_python(model, noisy):
    """What `ChainStream` gives for whole hops, without the hop that it waits for."""
    return ChainStream(model).push(noisy)[HOP:]


def test_the_page_is_ready_and_isolated_and_reports_no_error(browser):
    assert said(browser, "status") == "Ready: choose a file or the microphone."
    assert said(browser, "delay") != "–" and said(browser, "problem") == ""
    assert browser.execute_script("return crossOriginIsolated") is True
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_file_is_heard_as_python_restores_it(browser, model, speech):
    """Sample by sample; enhanced is DeepFilterNet3's, and noisy the file itself."""
    signal, folder = speech
    browser.execute_script(
        "const input = Object.assign(document.createElement('input'), {type: 'file', id: 'trial'});"
        "document.body.append(input)"
    )
    chosen = browser.find_element("id", "trial")
    chosen.send_keys(str(folder / "speech.wav"))
    given = run(browser, THROUGH_IT, chosen)
    n = len(given["noisy"]) // HOP * HOP
    assert n > len(signal) - 8 * HOP and given["nLate"] == 0
    np.testing.assert_array_equal(given["noisy"][DELAY:], signal[: n - DELAY])

    restored = by_python(model, signal[:n])
    assert np.abs(restored).max() > 0.1
    assert np.abs(given["restored"][: len(restored)] - restored).max() < 1e-3
    enhanced = np.concatenate(list(enhance_stream(hops_of(signal[:n]))))
    assert np.abs(given["enhanced"][DELAY:] - enhanced[: n - DELAY]).max() < 1e-3
    # What is heard is the same, as late as the page says.
    wait_for_it = HOP + given["margin"]
    heard = given["heard"][wait_for_it:]
    np.testing.assert_array_equal(heard, given["restored"][: len(heard)])
    assert not given["heard"][:wait_for_it].any()


def test_a_late_hop_is_silent_and_counted_and_signals_are_faded_into_each_other(browser):
    given = run(browser, WITHOUT_HOP_3)
    expected = np.full(7_680, 0.5, np.float32)
    expected[: HOP + 960] = 0.0
    expected[HOP + 960 + 3 * HOP :][:HOP] = 0.0
    expected[3_840:] = 0.25
    steps = np.arange(1, 241) / 240
    expected[3_840 : 3_840 + 240] = 0.5 - 0.25 * steps
    np.testing.assert_allclose(given["heard"], expected, atol=1e-6)
    assert given["said"] == [{"type": "late", "take": 1, "detail": {"n": 1, "of": 4}}]


def test_a_chosen_file_plays_and_keys_loop_switch_and_pause(browser, speech):
    body = browser.find_element("tag name", "body")
    body.send_keys("l")  # so that it plays for as long as this takes
    browser.find_element("id", "file").send_keys(str(speech[1] / "speech.wav"))
    wait(browser, "return document.getElementById('status').textContent === 'Playing speech.wav'")
    for key, name in {"1": "noisy", "2": "enhanced", "3": "restored"}.items():
        body.send_keys(key)
        wait(browser, f"return document.querySelector('#signals :checked').value === '{name}'")
    wait(browser, "return kept.length > 20", 60)
    body.send_keys(" ")
    wait(browser, "return document.getElementById('status').textContent.startsWith('Paused')")
    body.send_keys(" ")
    wait(browser, "return document.getElementById('status').textContent.startsWith('Playing')")
    # It stops by itself behind its last sample, and is at its start again.
    body.send_keys("l")
    wait(browser, "return document.getElementById('status').textContent.startsWith('Paused')", 60)
    wait(browser, "return document.getElementById('clock').textContent === '0:00 / 0:01'")


def test_the_microphone_is_restored_as_python_restores_what_came_in(
    browser, address, model, speech
):
    allow_microphone(browser, address, "granted")
    browser.find_element("id", "microphone").click()
    wait(browser, "return kept.length > 5 && kept.at(-1).index > 300", 120)
    given = run(browser, KEPT)
    # Loudspeakers would howl: it is silent until the reader says so.
    assert "put on headphones" in said(browser, "status") and given["volume"] == 0
    browser.find_element("tag name", "body").send_keys("s")
    assert run(browser, KEPT)["volume"] == 1

    # Those that the network did not hear in time are late, and counted.
    wait(browser, "return document.getElementById('hops').textContent !== 'of 0'")
    n_late = int(said(browser, "late").replace(",", ""))
    indices = given["indices"]
    assert indices[-1] + 1 - len(indices) <= n_late
    came_in = given["noisy"][DELAY:]
    restored = by_python(model, came_in)[: len(came_in)]
    assert np.abs(given["restored"][: len(restored)] - restored).max() < 1e-3
    # It is the file that came in, with gaps where the machine was busy.
    in_place = np.zeros((indices[-1] + 1, HOP), np.float32)
    in_place[indices[: len(came_in) // HOP]] = hops_of(came_in)
    spectra = [np.fft.rfft(part.ravel(), 2**19) for part in (in_place, speech[0])]
    correlation = np.fft.irfft(spectra[0] * spectra[1].conj()).max()
    assert correlation > 0.3 * np.square(came_in).sum() > 0


def test_what_was_chosen_last_plays_though_another_choice_is_ready_later(
    browser, address, tmp_path
):
    allow_microphone(browser, address, "granted")
    for name, seconds in (("long.flac", 120), ("short.flac", 1)):
        soundfile.write(tmp_path / name, np.zeros(48_000 * seconds), 48_000)
    browser.execute_script(
        "const input = Object.assign(document.createElement('input'), {type: 'file', id: 'two'});"
        "input.multiple = true; document.body.append(input)"
    )
    chosen = browser.find_element("id", "two")
    chosen.send_keys("\n".join(str(tmp_path / name) for name in ("long.flac", "short.flac")))
    given = run(browser, CHOSEN_AT_ONCE, chosen)
    assert given["answers"] == [
        [[False, True], "file", 1],
        [[False, False, True], "file", 1],
        [[False, True], "microphone", 1],
    ]
    # No microphone stays open that is not heard.
    assert given["tracks"] == ["ended", "ended", "live"]


def test_the_slider_follows_the_file_after_it_was_dragged_to_and_fro(browser, speech):
    from selenium.webdriver import ActionChains

    seek = browser.find_element("id", "seek")
    body = browser.find_element("tag name", "body")
    body.send_keys("l")
    browser.find_element("id", "file").send_keys(str(speech[1] / "speech.wav"))
    wait(browser, "return document.getElementById('status').textContent === 'Playing speech.wav'")
    body.send_keys(" ")
    wait(browser, "return document.getElementById('status').textContent.startsWith('Paused')")
    body.send_keys(10 * ARROW_LEFT)  # to the start
    drag = ActionChains(browser).move_to_element_with_offset(seek, 8 - seek.size["width"] // 2, 0)
    drag.click_and_hold().move_by_offset(60, 0).move_by_offset(-60, 0).release().perform()
    assert float(seek.get_property("value")) == 0
    body.send_keys(" ")
    wait(browser, "return document.getElementById('seek').value > 0.5")
    body.send_keys("l")


def test_spectrograms_and_times_of_hops_measure_what_they_say(browser):
    """A full-scale sine has 0 dB in its bin; of the hops of a minute the slowest are known."""
    measured = run(
        browser,
        """
        const { powers } = await import("/spectrogram.js");
        const { HopTimes } = await import("/times.js");
        const sine = Float32Array.from({ length: 2048 }, (_, i) => Math.cos(Math.PI * i * 0.125));
        const result = powers(sine), times = new HopTimes();
        for (const ms of [50, ...Array(6000).keys()].map(i => i / 10)) times.push(ms);
        const { worst, n } = times;
        done({ powers: [...result].slice(125, 132), all: result.length, worst, n,
               median: times.quantile(0.5), p99: times.quantile(0.99) });
        """,
    )
    # Hann spreads a sine over three bins, by half the amplitude.
    np.testing.assert_allclose(measured["powers"], [0, 0, 0.25, 1, 0.25, 0, 0], atol=1e-9)
    expected = {"all": 1024, "worst": 599.9, "n": 6001, "median": 300, "p99": 594}
    assert {name: measured[name] for name in expected} == expected


# -- what fails


def test_a_file_that_is_no_audio_is_named(browser, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    browser.find_element("id", "file").send_keys(str(tmp_path / "text.wav"))
    wait(browser, "return !document.getElementById('problem').hidden")
    problem = said(browser, "problem")
    assert problem.startswith("This browser cannot decode this file") and "text.wav" in problem


def test_nothing_is_fetched_from_elsewhere(browser):
    blocked = run(
        browser,
        "document.onsecuritypolicyviolation = event => done([event.blockedURI]);"
        "await fetch('http://127.0.0.2:9/').catch(() => 0);",
    )
    assert blocked == ["http://127.0.0.2:9/"]


def test_a_microphone_that_is_not_allowed_is_said(browser, address):
    allow_microphone(browser, address, "denied")
    browser.find_element("id", "microphone").click()
    sentence = "The browser does not let the page use the microphone"
    wait(browser, f"return document.getElementById('problem').textContent.startsWith('{sentence}')")


@pytest.mark.parametrize(
    "flag, sentence",
    [
        # Without SSE 4.1 V8 has no SIMD of WebAssembly.
        ("--js-flags=--no-enable-sse4-1", "This browser has no WebAssembly SIMD"),
        ("--use-fake-ui-for-media-stream", "No microphone was found: connect one"),
    ],
    ids=["no SIMD", "no microphone"],
)
def test_what_is_missing_is_said(address, tmp_path, flag, sentence):
    session = start_chromium(tmp_path, flag)
    try:
        open_page(session, address)
        # Files play where a microphone is what is missing.
        has_simd = session.find_element("id", "file").is_enabled()
        assert has_simd is ("SIMD" not in sentence)
        if has_simd:
            session.find_element("id", "microphone").click()
        wait(session, "return !document.getElementById('problem').hidden", 20)
        assert said(session, "problem").startswith(sentence)
    finally:
        session.quit()
