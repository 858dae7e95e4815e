"""The embedded corpus: human performances rendered on sampled pianos, from package registries."""
