"""What a corpus's report shows: its notebooks, tables and figures, and who writes each of them."""

from __future__ import annotations

from dataclasses import dataclass

# Which notebook, which is also the name of its DVC stage, writes a table or figure.
NOTEBOOK_TITLES = {
    "01_data_preparation": "Corpus and preparation",
    "02_training": "Network and training",
    "03_ablations": "Ablations",
    "04_dtw_comparison": "Comparison with DTW",
    "05_real_recordings": "Real recordings, and the verdict on every claim",
    "06_localizer": "The localizer beside other tools, and its ablations",
}
TABLES = {
    "claims": "05_real_recordings",
    "table1_corpus": "01_data_preparation",
    "table1_error_size": "03_ablations",
    "table2_architecture": "03_ablations",
    "table3_representation": "03_ablations",
    "table4_frame_rate": "03_ablations",
    "table5_dtw": "04_dtw_comparison",
    "table6_real": "05_real_recordings",
    "table7_field": "06_localizer",
    "table7_conditions": "06_localizer",
    "table7_extra": "06_localizer",
    "table8_localizer": "06_localizer",
}
# Studies that only a corpus with real recordings has; tables and figures of the notebook's stage.
MAPS_TABLES = {
    "table5_pianos": "04_dtw_comparison",
    "sensitivity": "04_dtw_comparison",
    "label_limit": "05_real_recordings",
    "latency": "05_real_recordings",
    "microphones": "05_real_recordings",
    "scored_by_sound": "05_real_recordings",
    "cross_corpus": "05_real_recordings",
}


@dataclass(frozen=True)
class ShownFigure:
    """A figure of the report: who writes it, what it shows, and the same for who cannot see it."""

    notebook: str
    title: str
    caption: str
    alt: str


FIGURES = {
    "figure1_architecture": ShownFigure(
        "02_training",
        "Figure 1. The network.",
        "Unaligned piano roll and spectrogram each pass a convolutional branch; a recurrent layer "
        "reads both, and a dense layer gives the probability that a key sounds, per frame.",
        "Block diagram of the CRNN, from the two inputs to the aligned piano roll.",
    ),
    "training_curves": ShownFigure(
        "02_training",
        "Training.",
        "Loss and validation accuracy of every variant by epoch, from the committed training logs.",
        "Line plots of loss and validation accuracy against the epoch, a line per variant.",
    ),
    "figure2_pianorolls": ShownFigure(
        "04_dtw_comparison",
        "Figure 2. Piano rolls over the CQT.",
        "The unaligned input, what the CRNN predicts, and the true notes, for a few seconds of a "
        "test recording.",
        "Three panels of coloured notes over a grey spectrogram: unaligned, predicted, aligned.",
    ),
    "figure3_tempo": ShownFigure(
        "04_dtw_comparison",
        "Figure 3. Onset error against tempo deviation.",
        "Median onset error when the MIDI plays up to 20 % too slow or too fast; the line marks "
        "40 ms.",
        "Line plot of the median onset error in milliseconds, on a logarithmic scale, against a "
        "tempo deviation from −20 to +20 percent, a line per method.",
    ),
    "figure4_field": ShownFigure(
        "06_localizer",
        "Figure 4. Accuracy against speed.",
        "Every tool of table 7: notes within 10 ms of the true onset against its speed on one "
        "core. Hollow markers: each recording’s median error removed.",
        "Scatter plots of accuracy against speed, on a logarithmic scale, a marker per tool and a "
        "panel per test set.",
    ),
    "figure_reliability": ShownFigure(
        "06_localizer",
        "What the localizer’s confidence is worth.",
        "The share of notes that are right within 10 ms against the confidence that the localizer "
        "gave them, in ten bins, and below how many notes fall into each.",
        "Line plot of the share of right notes against confidence, a line per test set, beside the "
        "diagonal; below it a histogram of the confidence.",
    ),
}
MAPS_FIGURES = {
    "figure_latency": ShownFigure(
        "05_real_recordings",
        "The limit set by the labels.",
        "How long after its label a note sounds, by velocity: the Disklavier with close and with "
        "ambient microphones, and the software pianos for comparison.",
        "Plots of the delay between label and sound in milliseconds against MIDI velocity, for "
        "both microphones and the software pianos.",
    ),
}


def corpus_tables(corpus: str) -> dict[str, str]:
    """Return the tables of a corpus, each with the notebook that writes it."""
    return TABLES | (MAPS_TABLES if corpus == "maps" else {})


def corpus_figures(corpus: str) -> dict[str, ShownFigure]:
    """Return the figures of a corpus."""
    return FIGURES | (MAPS_FIGURES if corpus == "maps" else {})
