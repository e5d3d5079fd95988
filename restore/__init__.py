"""Preference training on a quantized model, and how much it recovers."""
