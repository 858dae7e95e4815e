"""The player in a real browser: it plays, shows what it plays, and can be used by all."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from browsing import browser, new_page, serious
from conftest import toy_audio, toy_notes

from pianoalign_lib.alignment.listening import alignment_player
from pianoalign_lib.alignment.result import Alignment
from pianoalign_lib.common.html_page import Card, page
from pianoalign_lib.io.audio import SAMPLE_RATE
from pianoalign_lib.io.midi_score import read_midi_score
from pianoalign_lib.io.notes import note_table, write_midi
from pianoalign_lib.io.placement import Placement
from pianoalign_lib.io.recording import open_recording
from pianoalign_lib.localizer.spectra import compute_spectra
from pianoalign_lib.player.ogg import numbered
from pianoalign_lib.player.player import page_script, stylesheet

__all__ = ["browser"]
SECONDS, SHIFT_S, UNSURE = 6.0, 0.35, 3
READY = ".pa-player[data-ready=yes]"
PLAYER = "document.querySelector('.pa-player').pianoalign"


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Alignment:
    """An alignment whose notes all moved by as much, of which one is unsure."""
    folder = tmp_path_factory.mktemp("player")
    notes = toy_notes(np.random.default_rng(5), SECONDS)
    audio = toy_audio(notes, SECONDS)
    sf.write(folder / "a.wav", audio, SAMPLE_RATE)
    early = notes.assign(**{name: notes[name] - SHIFT_S for name in ("onset_s", "offset_s")})
    write_midi(early, folder / "a.mid")
    status = np.full(len(notes), "aligned", dtype=object)
    status[UNSURE] = "uncertain"
    placed = Placement(notes["onset_s"].to_numpy(), np.full(len(notes), 0.9), status)
    recording = open_recording(folder / "a.wav", None)
    spectra = compute_spectra(audio, SAMPLE_RATE)
    score = read_midi_score(folder / "a.mid")
    return Alignment.assembled(
        score, placed, recording=recording, method="localizer", spectra=spectra
    )


# Listens at what goes to the ears: levels of left and right over the last 0.7 s.
LISTEN = """
(() => {
  const make = AudioContext.prototype.createChannelMerger;
  AudioContext.prototype.createChannelMerger = function (number) {
    const merger = make.call(this, number);
    const ears = this.createChannelSplitter(2);
    merger.connect(ears);
    window.ears = [0, 1].map((side) => {
      const analyser = this.createAnalyser();
      analyser.fftSize = 32768;
      ears.connect(analyser, side);
      return analyser;
    });
    return merger;
  };
  window.levels = () => window.ears.map((analyser) => {
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return samples.reduce((sum, each) => sum + each * each, 0);
  });
})()
"""


@pytest.fixture(scope="module")
def opened(browser, aligned, tmp_path_factory: pytest.TempPathFactory):
    """The report's page, on a phone without a network."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    aligned.write_report(path)
    opened = new_page(browser, viewport={"width": 390, "height": 844}, offline=True)
    opened.add_init_script(LISTEN)
    opened.asked = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda error: pytest.fail(str(error)))
    opened.goto(path.as_uri())
    opened.wait_for_selector(READY)
    return opened


def channel(page, number: int) -> tuple[np.ndarray, int]:
    """Return what the player plays: 0 the recording, 1 the MIDI file, 2 the clicks."""
    rate, samples = page.evaluate(
        "(c) => { const { buffer } = document.querySelector('.pa-player').pianoalign.player"
        ".webAudioPlayer; const bytes = new Uint8Array(buffer.getChannelData(c).slice().buffer);"
        "let text = ''; for (let i = 0; i < bytes.length; i += 8192)"
        " text += String.fromCharCode(...bytes.subarray(i, i + 8192));"
        "return [buffer.sampleRate, btoa(text)]; }",
        number,
    )
    return np.frombuffer(base64.b64decode(samples), np.float32), rate


def begins(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return where sounds after silence begin, in seconds."""
    sounding = np.flatnonzero(samples)
    return sounding[np.append(True, np.diff(sounding) > 0.02 * rate)] / rate


def test_what_is_heard_keeps_together_to_the_sample(opened, aligned) -> None:
    heard, rate = channel(opened, 0)
    true, _ = sf.read(aligned.audio)
    true = np.interp(np.arange(len(heard)) / rate, np.arange(len(true)) / SAMPLE_RATE, true)
    size = 2 * len(heard)
    fits = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(true, size)))
    assert np.argmax(fits) in (0, 1, size - 1)  # the file's own delay is made up for
    clicks, _ = channel(opened, 2)
    np.testing.assert_allclose(begins(clicks, rate), aligned.notes["onset_s"], atol=2 / rate)
    opened.check("[data-is=before]")
    opened.wait_for_selector(".pa-player[data-sounding=before]")
    clicks, _ = channel(opened, 2)
    np.testing.assert_allclose(begins(clicks, rate), aligned.notes["onset_in_s"], atol=2 / rate)
    tones, _ = channel(opened, 1)
    assert np.flatnonzero(tones)[0] / rate == pytest.approx(
        aligned.notes["onset_in_s"][0], abs=1e-3
    )
    opened.check("[data-is=after]")


@pytest.mark.parametrize(
    ("silenced", "heard"), [("tones", [True, False]), ("recording", [False, True])]
)
def test_recording_left_and_midi_file_right(opened, silenced: str, heard: list[bool]) -> None:
    loud = opened.input_value(f"[data-is={silenced}]")
    opened.fill(f"[data-is={silenced}]", "0")
    opened.evaluate("document.querySelector('.pa-player').pianoalign.player.setTime(1.0)")
    opened.click("[data-is=play]")
    opened.wait_for_function("Number(document.querySelector('[data-is=seek]').value) > 2.5")
    assert [level > 0 for level in opened.evaluate("window.levels()")] == heard
    opened.click("[data-is=play]")
    opened.fill(f"[data-is={silenced}]", loud)


def test_it_plays_and_says_where(opened) -> None:
    opened.evaluate("document.querySelector('.pa-player').pianoalign.player.setTime(0)")
    opened.focus(".pa-player")
    opened.keyboard.press(" ")
    opened.wait_for_function("document.querySelector('[data-is=seek]').value > 0.3")
    opened.keyboard.press(" ")
    assert opened.inner_text("[data-is=play]") == "Play"
    assert "of 0:06.00" in opened.get_attribute("[data-is=seek]", "aria-valuetext")
    opened.keyboard.press("l")
    assert opened.get_attribute("[data-is=loop]", "aria-pressed") == "true"
    opened.keyboard.press("l")
    assert opened.get_attribute("[data-is=loop]", "aria-pressed") == "false"


def test_notes_are_drawn_where_they_are_and_tell_of_themselves(opened, aligned) -> None:
    note = opened.locator(f"[part=roll] g[data-row='{UNSURE + 1}']")
    before = note.bounding_box()["x"]
    opened.check("[data-is=before]")
    moved = before - note.bounding_box()["x"]
    width = opened.locator("[part=roll] svg").bounding_box()["width"]
    assert moved * SECONDS / width == pytest.approx(SHIFT_S, abs=0.02)
    opened.check("[data-is=after]")
    note.click()
    told = opened.inner_text("[data-is=told]")
    assert told.endswith(f"velocity {aligned.notes['velocity'][UNSURE + 1]}") and "aligned" in told
    opened.click("[data-is=previous]")
    assert "uncertain" in opened.inner_text("[data-is=told]")


def test_all_can_use_it_without_a_network(opened, aligned) -> None:
    assert serious(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    assert {url.split(":")[0] for url in opened.asked} <= {"file", "data", "blob"}


def still(page, selector: str) -> dict[str, float]:
    """Return where an element is once it has stopped moving: the roll scrolls to the cursor."""
    before, box = None, page.locator(selector).bounding_box()
    while box != before:
        page.wait_for_timeout(300)
        before, box = box, page.locator(selector).bounding_box()
    return box


def test_a_note_can_be_dragged(browser, aligned, tmp_path: Path) -> None:
    player = alignment_player(aligned.notes, aligned._recording, aligned.spectra, editable=True)
    script = page_script().replace(
        "pianoalignPlayer(el)",
        "pianoalignPlayer(el, {moved: (...given) => (window.moved = given)})",
    )
    text = page("t", [], {"x": [Card("x", player)]}, [], stylesheet=stylesheet(), script=script)
    (tmp_path / "p.html").write_text(text)
    opened = new_page(browser)
    opened.goto((tmp_path / "p.html").as_uri())
    opened.wait_for_selector(READY)
    box = opened.locator("[part=roll] g[data-row='5'] rect").bounding_box()
    width = opened.locator("[part=roll] svg").bounding_box()["width"]
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] / 2 + 0.3 * width / SECONDS, box["y"], steps=4)
    opened.mouse.up()
    ((row, to_s),) = opened.evaluate("window.moved[0]")
    assert row == 5
    assert to_s == pytest.approx(aligned.notes["onset_s"][5] + 0.3, abs=0.02)

    # With Shift, all that begins in the loop; the loop lies over the notes and lets through.
    onset_s = opened.evaluate(
        f"{PLAYER}.player && JSON.parse(document.querySelector('.pa-player "
        "script').textContent).notes.after"
    )
    first_s = sorted(onset_s)[2] - 0.01
    opened.evaluate(f"{PLAYER}.player.setTime({first_s})")
    opened.focus(".pa-player")
    opened.keyboard.press("l")
    inside = [each for each, s in enumerate(onset_s) if first_s <= s < first_s + 3 and each != 5]
    box = still(opened, f"[part=roll] g[data-row='{inside[0]}'] rect")
    opened.evaluate("window.moved = null")
    opened.keyboard.down("Shift")
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] / 2 - 0.2 * width / SECONDS, box["y"], steps=4)
    opened.mouse.up()
    opened.keyboard.up("Shift")
    opened.wait_for_function("window.moved")
    moved = dict(opened.evaluate("window.moved[0]"))
    assert set(inside) <= set(moved) <= {*inside, 5} and len(inside) > 3
    for each in inside:
        assert moved[each] == pytest.approx(onset_s[each] - 0.2, abs=0.02)


def test_three_minutes_stay_below_five_megabytes(tmp_path: Path) -> None:
    """One minute of noise, which compresses worst, with 17 notes a second: less than a third."""
    rng, number = np.random.default_rng(0), 1000
    sf.write(tmp_path / "n.wav", 0.1 * rng.standard_normal(60 * SAMPLE_RATE), SAMPLE_RATE)
    onset_s = np.sort(rng.uniform(0, 59, number))
    pitch, velocity = rng.integers(30, 90, number), rng.integers(1, 127, number)
    notes = note_table(pitch, velocity, onset_s, onset_s + 1)
    extra = {"onset_in_s": onset_s, "shift_s": 0.0, "confidence": 0.5, "status": "uncertain"}
    recording = open_recording(tmp_path / "n.wav", None)
    spectra = compute_spectra(tmp_path / "n.wav")
    player = alignment_player(notes.assign(**extra), recording, spectra)
    rest = len(page_script()) + len(stylesheet()) + 400_000  # picture and tables
    assert 3 * len(player) + rest < 5e6


def test_notes_from_before_the_recording_are_no_trouble(aligned) -> None:
    notes = aligned.notes.assign(onset_s=aligned.notes["onset_s"] - 2.0)
    assert "Piano roll" in alignment_player(notes, aligned._recording, aligned.spectra)
    none = pd.DataFrame(columns=aligned.notes.columns)
    assert "0 notes" in alignment_player(none, aligned._recording, aligned.spectra)


def test_the_same_sound_gives_the_same_ogg_file_with_libsndfile_s_own_checksums() -> None:
    rng = np.random.default_rng(5)
    buffer = io.BytesIO()
    sf.write(buffer, rng.uniform(-0.5, 0.5, 48_000), 16_000, format="OGG", subtype="OPUS")
    written = buffer.getvalue()
    given = int.from_bytes(written[14:18], "little")
    assert numbered(written, given) == written  # every checksum is what libsndfile wrote
    changed = numbered(written, given + 1)
    assert changed != written and numbered(changed, given) == written
    assert np.array_equal(*(sf.read(io.BytesIO(data))[0] for data in (written, changed)))
