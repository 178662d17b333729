"""The machine and its files: memory, environment, locks, paths, signals. Nothing here knows what a model is."""
