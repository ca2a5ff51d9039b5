"""Pictures of what was measured, for people; nothing below imports them."""
