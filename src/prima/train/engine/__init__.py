"""The training loop: task, batches, optimiser, checkpoints, journal, distribution."""
