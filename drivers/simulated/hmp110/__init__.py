"""A Vaisala HMP110 from the other end of its line."""
