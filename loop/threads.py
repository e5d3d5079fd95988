"""Processor threads of a process that runs models."""


def use_threads(count: int) -> None:
    """Let models compute with so many threads, and quickly; results are the same for the same number only."""
    import torch

    # Processors are slow with numbers next to zero. Before any thread starts: threads take it over.
    torch.set_flush_denormal(True)
    torch.set_num_threads(count)
