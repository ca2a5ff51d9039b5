"""The twin of the Konica Minolta CS-2000A spectroradiometer."""
