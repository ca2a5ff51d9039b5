"""The language of the two Keithley twins: messages, replies, status."""
