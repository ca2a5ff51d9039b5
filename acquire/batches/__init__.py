"""Pixels measured one after the other on one open bench, and pixels that age by turns."""
