"""What tasks of one kind share. Not tasks themselves."""
