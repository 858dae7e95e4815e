"""Training excerpts: features computed once per recording, timing errors drawn anew every time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..common.config import TrainingConfig, VariantConfig
from ..common.files import atomic_path
from ..common.progress import progress
from ..corpora.recordings import Recording, load_notes, load_recording
from ..io.notes import piano_roll
from .features import compute_features

_MARGIN_S = 0.5  # notes this far outside an excerpt can be moved into it


@dataclass
class TrainingItem:
    """One recording, ready for cutting excerpts."""

    recording: Recording
    features: np.ndarray  # [shape=(n_frames, 88), dtype=float16], memory-mapped
    notes: pd.DataFrame  # the true ones


def load_items(
    folder: Path, recordings: list[Recording], variant: VariantConfig, cache: Path
) -> list[TrainingItem]:
    """Return all recordings with their features, computed where the cache lacks them."""
    label = f"{variant.representation} at {variant.fps} fps"
    return [
        TrainingItem(item, _features(folder, item, variant, cache), load_notes(folder, item))
        for item in progress(recordings, label=label)
    ]


def _features(
    folder: Path, recording: Recording, variant: VariantConfig, cache: Path
) -> np.ndarray:
    # The name holds the audio's checksum: the features of other audio are never used.
    name = f"{recording.recording}-{recording.sha256_audio[:12]}.npy"
    path = cache / f"{variant.representation}_{variant.fps}" / name
    if not path.is_file():
        audio, _ = load_recording(folder, recording)
        features = compute_features(audio, variant.representation, variant.fps)
        with atomic_path(path) as temporary:
            np.save(temporary, features.astype(np.float16))
    return np.load(path, mmap_mode="r")


def draw_batches(
    items: list[TrainingItem], fps: int, config: TrainingConfig, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield an epoch's batches of random excerpts, each note moved by an error of its own.

    Yields
    ------
    tuple of np.ndarray [shape=(batch, n_frames, 88), dtype=float32]
        Unaligned roll, spectrum, aligned roll (paper, data).
    """
    frames = round(config.excerpt_s * fps)
    lengths = np.array([len(item.features) for item in items], dtype=float)
    chance = lengths / lengths.sum()
    for _ in range(config.steps_per_epoch):
        rows = rng.choice(len(items), size=config.batch_size, p=chance)
        parts = [_excerpt(items[row], frames, fps, config.note_ms / 1000.0, rng) for row in rows]
        yield tuple(np.stack(part) for part in zip(*parts, strict=True))


def _excerpt(
    item: TrainingItem, frames: int, fps: int, note_s: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first = int(rng.integers(0, max(1, len(item.features) - frames)))
    start_s, end_s = first / fps, (first + frames) / fps
    near = (item.notes["offset_s"] > start_s - _MARGIN_S) & (
        item.notes["onset_s"] < end_s + _MARGIN_S
    )
    true = item.notes[near]
    shift_s = rng.uniform(-note_s, note_s, len(true))
    moved = true.assign(onset_s=true["onset_s"] + shift_s, offset_s=true["offset_s"] + shift_s)
    spectrum = np.zeros((frames, item.features.shape[1]), dtype=np.float32)
    part = item.features[first : first + frames]
    spectrum[: len(part)] = part
    roll, target = (piano_roll(notes, frames, fps, start_s=start_s) for notes in (moved, true))
    return roll, spectrum, target
