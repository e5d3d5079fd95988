"""Judging over HTTP: the API, the jobs behind it, and the processes that work them off."""
