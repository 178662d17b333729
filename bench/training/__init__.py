"""Training of any model on any task: loss, optimiser, schedule, checkpoints, progress."""
