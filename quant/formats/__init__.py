"""Quantized checkpoints as integers, zero points and scales: compressed-tensors, AutoAWQ and GPTQ."""
