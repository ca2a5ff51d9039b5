"""Data that others can find and use: runs put together as an RO-Crate."""
