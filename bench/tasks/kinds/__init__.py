"""Base classes that several tasks share. None of them is a task by itself."""
