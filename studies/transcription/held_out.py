"""How well a transcriber does on a piano it has not heard: what its settings were chosen by.

One piano of the training is kept out of it, and of the validation, and transcribed instead: those
of its recordings whose pieces are not trained on from another piano. Epoch, threshold and gap are
those of the validation recordings, as ever; no test recording has a say.
"""

from __future__ import annotations

from typing import Any

import torch

from pianoalign_lib.common.config import CorpusPaths, VariantConfig, topic
from pianoalign_lib.common.errors import ConfigError
from pianoalign_lib.corpora.recordings import corpus_hash, read_index

from .network import posterior
from .plan import TOPIC
from .training import best_decoding, fit, load_heard, transcriber_config


def held_out_f1(
    paths: CorpusPaths,
    params: dict[str, Any],
    piano: str,
    seed: int,
) -> float:
    """Train on true labels without a piano; return the F1 of its onsets at 50 ms, all together.

    Parameters
    ----------
    piano
        One of those that are trained on.

    Raises
    ------
    ConfigError
        If no recording for training is of that piano, or it plays no piece of its own.
    """
    torch.set_num_threads(1)
    config, settings = transcriber_config(params, seed, stronger=True), topic(params, TOPIC)
    variant = VariantConfig(name=f"without_{piano}_seed{seed}", **topic(params, "crnn"))
    recordings = read_index(paths.split("train"), split="train")
    kept = [item for item in recordings if item.piano != piano]
    pieces = {item.performance for item in kept}
    new = [item for item in recordings if item.piano == piano and item.performance not in pieces]
    if not new:
        known = ", ".join(sorted({item.piano for item in recordings}))
        raise ConfigError(
            f"piano '{piano}': no piece of its own to train on; choose one of {known}"
        )
    others = [
        item for item in read_index(paths.split("eval"), split="validation") if item.piano != piano
    ]
    items = load_heard(paths, "train", kept, variant, config)
    validation = load_heard(paths, "eval", others, variant, config)
    sha = corpus_hash([*kept, *others])
    _, model, threshold, gap_s = fit(paths, settings, variant, config, items, validation, sha)
    unheard = load_heard(paths, "train", new, variant, config)
    outputs = [posterior(model, item.features) for item in unheard]
    return best_decoding(outputs, unheard, [threshold], [gap_s], variant.fps)[0]
