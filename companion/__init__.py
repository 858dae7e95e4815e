"""The paper's companion: from stored scores to tables, figures, executed notebooks and the report.

``metrics.csv``, predictions and notebooks enter; what a reader sees leaves. It is built on the
library, which knows nothing of it and works without it, and loads no torch.

===========  ====================================================================
comparison   the difference between two methods, with its interval
reliability  how often a confidence comes true
tables       tables in files, with their provenance
figures      figures in files, with the data behind them
report       notebooks executed, what they say by the numbers, all on one page
===========  ====================================================================
"""
