"""Hiding what llm-compressor prints, which goes its own ways."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from ..datasets.silence import silenced


@contextmanager
def silenced_compressor() -> Generator[None]:
    """Hide llm-compressor's log as well; imports it, which takes seconds."""
    from importlib import import_module

    from loguru import logger

    names = ("llmcompressor", "compressed_tensors")
    tracing = logging.getLogger("torch.fx._symbolic_trace")
    level = tracing.level
    with silenced():
        logger.disable("compressed_tensors")
        import_module("llmcompressor")  # turns its log on
        logger.disable("llmcompressor")
        tracing.setLevel(logging.ERROR)
        try:
            yield
        finally:
            tracing.setLevel(level)
            for name in names:
                logger.enable(name)
