"""A serial board of relays that connects one pixel of a substrate at a time to the source."""
