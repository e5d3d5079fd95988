"""The run: configuration, run folder, stages in order, report."""
