"""Public corpora, one file each: which files they consist of, where to get them, and how to read them."""
