"""The note-level aligner: spectra → coarse warp → posterior of each note → joint decoding."""
