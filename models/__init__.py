"""The bundled model and how it was trained."""

from pathlib import Path

BUNDLED = Path(__file__).parent / "abacus-3m"
"""Folder of the bundled model: weights, tokenizer, chat template, model card, training log."""
