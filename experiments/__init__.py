"""One variant of the paper's network, trained and measured as an experiment of DVC."""
