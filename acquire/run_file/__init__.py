"""The run file: its layout, written, read, finished, exported."""
