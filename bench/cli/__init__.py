"""What stands behind the commands of `bench.__main__`. Every import that is slow happens inside a command."""
