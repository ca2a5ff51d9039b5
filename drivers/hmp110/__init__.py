"""Vaisala HMP110 humidity and temperature probe."""
