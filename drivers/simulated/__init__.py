"""The same three instruments from the other end of the wire: bytes in, bytes out, on one device model."""
