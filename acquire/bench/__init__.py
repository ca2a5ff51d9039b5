"""The bench: instruments by role, opened, set up and energised in one place."""
