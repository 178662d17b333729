"""Two results folders side by side: what only one has, what was changed, which scores differ. From records alone."""
