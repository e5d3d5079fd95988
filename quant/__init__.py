"""Quantization recipes and the checkpoints they make."""
