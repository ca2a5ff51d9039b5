"""The twin of a serial board of relays."""
