"""Hiding what model libraries print while they work; our own output says what matters."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr
from typing import Any


@contextmanager
def silenced() -> Generator[None]:
    """Hide log lines, warnings and progress bars of transformers, llm-compressor and TRL.

    Errors are raised as ever.
    """
    # Read when llm-compressor is imported, which may be by any of the libraries; it logs to standard output.
    os.environ.setdefault("LLM_COMPRESSOR_LOG_LEVEL", "CRITICAL")

    from transformers.utils import logging as transformers_logging

    logs: Any = transformers_logging
    level = logs.get_verbosity()
    bars = logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        # tqdm reads its switch when it is imported, which is too early for us; it writes to stderr.
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logs.set_verbosity(level)
        if bars:
            logs.enable_progress_bar()
