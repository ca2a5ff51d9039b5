"""Many run files: a catalogue of them, tables and statistics, old data that is taken over."""
