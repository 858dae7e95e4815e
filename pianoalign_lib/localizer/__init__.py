"""The note-level aligner: spectra → coarse warp → a network's posterior of each note → joint decoding."""
