"""MLflow: one run for each run of a notebook, found again by id, `latest` or `best`.

May import: runtime, config.
"""
