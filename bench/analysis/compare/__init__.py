"""Two results folders compared from records alone: what only one has, what changed, which scores differ."""
