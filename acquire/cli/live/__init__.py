"""A run as it is seen while it goes on: on a terminal, and line by line in a pipe."""
