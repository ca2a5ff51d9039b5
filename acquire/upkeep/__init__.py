"""The upkeep of a bench: its photodiode calibrated, its health checked; both are made of a run."""
