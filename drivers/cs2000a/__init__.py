"""Konica Minolta CS-2000A spectroradiometer."""
