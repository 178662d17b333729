"""The machine and its files: memory, environment, locks, paths, signals. No module here knows models or tasks."""
