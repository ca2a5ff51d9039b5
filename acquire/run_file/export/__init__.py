"""A run for other programs: tables in the order and the units in which people read them, as CSV files or a workbook."""
