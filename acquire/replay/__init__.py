"""Recorded runs made again from their files; package face, empty on purpose."""
