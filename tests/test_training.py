"""Training: what the network is, that a stopped run ends as an undisturbed one, and that it
learns."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from pianoalign_lib.common.config import VariantConfig, load_params, training_config, variant_config
from pianoalign_lib.common.errors import CheckpointError, ConfigError, CorpusError
from pianoalign_lib.common.files import sha256_file
from pianoalign_lib.crnn import training
from pianoalign_lib.crnn.checkpoints import load_checkpoint
from pianoalign_lib.crnn.inference import RecordingEncoder
from pianoalign_lib.crnn.network import Crnn
from pianoalign_lib.crnn.runs import release, train_variants
from pianoalign_lib.io.notes import note_table, piano_roll


def _train(paths, name="crnn"):
    train_variants(paths, load_params(), [name], jobs=1)
    return paths.run(name)


def test_the_full_network_has_the_papers_shape():
    """Branches of 16, 16, 32 channels and 256; 512 → BiLSTM 256 → 88 (paper, network)."""
    model = Crnn(VariantConfig("crnn"))
    channels = [m.out_channels for m in model.roll_branch.modules() if hasattr(m, "out_channels")]
    assert channels == [16, 16, 32]
    recurrence = model.recurrence
    assert isinstance(recurrence, torch.nn.LSTM)
    assert (recurrence.input_size, 2 * recurrence.hidden_size) == (512, 256)
    assert recurrence.bidirectional and model.output.out_features == 88


@pytest.mark.parametrize(
    "name", list(load_params(training.Path(__file__).parents[1], "maps")["variants"])
)
def test_every_variant_maps_rolls_to_rolls(name, repository):
    variant = variant_config(load_params(repository, "maps"), name)
    frames = variant.fps
    logits = Crnn(variant)(torch.zeros(2, frames, 88), torch.zeros(2, frames, 88))
    assert logits.shape == (2, frames, 88)


def test_a_causal_variant_does_not_see_the_future():
    """Only the bidirectional network may react to what comes later than the convolutions reach."""
    base = torch.rand(1, 60, 88)
    later = base.clone()
    later[:, 40:] = 0
    for bidirectional, same in ((False, True), (True, False)):
        model = Crnn(VariantConfig("x", bidirectional=bidirectional)).eval()
        before = (model(base, base) - model(later, later)).detach()[:, :30].abs().max()
        assert (float(before) < 1e-6) is same


def test_a_transformer_reads_what_is_long_in_windows_of_an_excerpt():
    """Every frame comes from the window in which it is farthest from the edges; none is lost."""
    torch.manual_seed(1)
    model = Crnn(VariantConfig("x", recurrence="transformer", fps=50)).eval()
    roll, spectrum = torch.rand(2, 1, 137, 256)  # windows begin at 0, 25, 50, 75 and 87
    with torch.inference_mode():
        whole = model.join(roll, spectrum)[0]
        parts = [(0, 0, 37), (25, 38, 62), (50, 63, 87), (75, 88, 105), (87, 107, 137)]
        for start, first, end in parts:
            window = slice(start, start + 50)
            alone = model.join(roll[:, window], spectrum[:, window])[0]
            torch.testing.assert_close(whole[first:end], alone[first - start : end - start])
        far = roll.clone()
        far[:, 70:] = 0
        near = model.join(far, spectrum)[0]
    torch.testing.assert_close(near[:37], whole[:37])
    assert not torch.allclose(near[63:70], whole[63:70])


def test_max_pooling_halves_the_frequencies_as_strides_do():
    pooled, strided = (Crnn(VariantConfig("x", narrowing=how)) for how in ("pooling", "stride"))
    pools = [m for m in pooled.roll_branch.modules() if isinstance(m, torch.nn.MaxPool2d)]
    assert [pool.kernel_size for pool in pools] == [(1, 2), (1, 2)]
    assert not any(isinstance(m, torch.nn.MaxPool2d) for m in strided.modules())
    shapes = [{name: w.shape for name, w in m.state_dict().items()} for m in (pooled, strided)]
    assert sorted(map(tuple, shapes[0].values())) == sorted(map(tuple, shapes[1].values()))


def test_a_variant_may_be_trained_in_its_own_way(repository):
    params = load_params(repository, "maps")
    params["variants"] |= {"longer": {"excerpt_s": 5, "batch_size": 1}}
    ours, longer = (training_config(params, name) for name in ("crnn", "longer"))
    assert longer == replace(ours, excerpt_s=5, batch_size=1)
    assert variant_config(params, "longer") == VariantConfig("longer")
    with pytest.raises(ConfigError, match="unknown|narrow"):
        variant_config(params | {"variants": {"x": {"narrowing": "none"}}}, "x")


def test_blocks_equal_one_pass():
    """Cutting a long recording into blocks changes nothing."""
    torch.manual_seed(0)
    model = Crnn(VariantConfig("crnn")).eval()
    rng = np.random.default_rng(0)
    features = rng.uniform(size=(2500, 88)).astype(np.float32)
    onset_s = rng.uniform(0, 24, 100)
    notes = note_table(rng.integers(21, 109, 100), [64] * 100, onset_s, onset_s + 0.3)
    posterior = RecordingEncoder(model, features, 100).posterior(notes)
    roll = torch.from_numpy(piano_roll(notes, 2500, 100))[None]
    with torch.inference_mode():
        whole = torch.sigmoid(model(roll, torch.from_numpy(features)[None]))[0].numpy()
    np.testing.assert_allclose(posterior, whole, atol=1e-5)


def test_same_seed_same_weights_and_the_run_is_complete(toy_project):
    first = sha256_file(_train(toy_project) / "model.safetensors")
    log = pd.read_csv(toy_project.run("crnn") / "log.csv")
    assert log["epoch"].tolist() == [1, 2, 3] and log["lr"].iloc[-1] == 0
    for file in (toy_project.data / "resume").iterdir():
        file.unlink()
    assert sha256_file(_train(toy_project) / "model.safetensors") == first


def test_a_run_stopped_after_any_epoch_ends_as_an_undisturbed_one(toy_project, monkeypatch):
    expected = sha256_file(_train(toy_project) / "model.safetensors")
    run_epoch = training.TrainingState.run_epoch
    for stop_after in (1, 2):
        for file in (toy_project.data / "resume").iterdir():
            file.unlink()
        (toy_project.run("crnn") / "model.safetensors").unlink()

        def interrupted(state, *data, stop_after=stop_after):
            if len(state.history) == stop_after:
                raise KeyboardInterrupt
            run_epoch(state, *data)

        with monkeypatch.context() as patch:
            patch.setattr(training.TrainingState, "run_epoch", interrupted)
            with pytest.raises(KeyboardInterrupt):
                _train(toy_project)
        assert not (toy_project.run("crnn") / "model.safetensors").exists()
        assert sha256_file(_train(toy_project) / "model.safetensors") == expected


def test_a_killed_process_leaves_nothing_that_looks_complete(toy_project):
    """kill -9 at several moments; every time the next run ends with the undisturbed result."""
    expected = sha256_file(_train(toy_project) / "model.safetensors")
    command = [sys.executable, "-m", "pianoalign_lib", "train", "--variant", "crnn"]
    root = str(training.Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    rng = np.random.default_rng(5)
    for file in (toy_project.data / "resume").iterdir():
        file.unlink()
    (toy_project.run("crnn") / "model.safetensors").unlink()
    for _ in range(3):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        time.sleep(float(rng.uniform(1.0, 8.0)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        model = toy_project.run("crnn") / "model.safetensors"
        assert not model.exists() or sha256_file(model) == expected
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert sha256_file(toy_project.run("crnn") / "model.safetensors") == expected


def test_variants_side_by_side_equal_one_after_the_other(toy_project):
    params = load_params()
    names = ["crnn", "cnn"]
    hashes = []
    for jobs in (1, 2):
        train_variants(toy_project, params, names, jobs)
        hashes.append([sha256_file(toy_project.run(name) / "model.safetensors") for name in names])
        for file in (toy_project.data / "resume").iterdir():
            file.unlink()
    assert hashes[0] == hashes[1]
    with pytest.raises(ConfigError, match="unknown variant"):
        train_variants(toy_project, params, ["crnn", "magic"], 2)


def test_release_copies_all_or_nothing(toy_project):
    _train(toy_project, "crnn")
    with pytest.raises(CheckpointError, match=r"cnn/model\.safetensors: not found"):
        release(toy_project, ["crnn", "cnn"])
    assert not toy_project.checkpoints.exists()
    release(toy_project, ["crnn"])
    names = {path.name for path in toy_project.checkpoints.iterdir()}
    assert names == {"crnn.safetensors", "crnn.csv", "recordings.csv"}


def test_training_lowers_the_loss(toy_project):
    params = load_params()
    params["training"] |= {"epochs": 4, "steps_per_epoch": 30, "batch_size": 4}
    training.train(toy_project, params, "crnn")
    log = pd.read_csv(toy_project.run("crnn") / "log.csv")
    assert log["train_loss"].iloc[-1] < 0.7 * log["train_loss"].iloc[0]


def test_checkpoints_keep_what_they_are(toy_project):
    path = _train(toy_project) / "model.safetensors"
    variant = variant_config(load_params(), "crnn")
    model, info = load_checkpoint(path, expected=variant)
    assert info.threshold in (0.3, 0.5) and info.corpus == "demo" and not model.training
    with pytest.raises(CheckpointError, match="was trained as"):
        load_checkpoint(path, expected=replace(variant, recurrence="gru"))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="corrupt or no checkpoint"):
        load_checkpoint(path)
    with pytest.raises(CheckpointError, match="not found"):
        load_checkpoint(path.with_name("other.safetensors"))


def test_bad_settings_and_a_corrupt_resume_file_are_one_clear_error(toy_project):
    params = load_params()
    with pytest.raises(ConfigError, match="unknown variant 'transformer'"):
        variant_config(params, "transformer")
    with pytest.raises(ConfigError, match="fps=60"):
        variant_config({"crnn": {}, "variants": {"x": {"fps": 60}}}, "x")
    with pytest.raises(ConfigError, match="training.epochs is 0"):
        training_config({"training": params["training"] | {"epochs": 0}, "variants": {}}, "crnn")
    _train(toy_project)
    resume = next((toy_project.data / "resume").iterdir())
    resume.write_bytes(b"half a file")
    with pytest.raises(CorpusError, match="cannot resume"):
        _train(toy_project)


def test_a_run_is_not_continued_in_another_precision(toy_project, monkeypatch):
    """Half of a training in bfloat16 and half in float32 is neither, and no seed repeats it."""
    begun_in_bfloat16 = not training._bfloat16_is_fast()
    with monkeypatch.context() as patch:
        patch.setattr(training, "_bfloat16_is_fast", lambda: begun_in_bfloat16)
        _train(toy_project)
    with pytest.raises(CorpusError, match="was begun in (bfloat16|float32), this machine trains"):
        _train(toy_project)
    next((toy_project.data / "resume").iterdir()).unlink()
    _train(toy_project)


def test_a_pickle_never_runs_code(repository):
    """Every torch.load, of our own files too, reads weights only."""
    calls = []
    for path in sorted(repository.rglob("*.py")):
        if ".venv" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                safe = {word.arg: ast.unparse(word.value) for word in node.keywords}
                calls.append((path.name, safe.get("weights_only")))
    assert len(calls) >= 3 and {kind for _, kind in calls} == {"True"}, calls
