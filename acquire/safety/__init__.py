"""What keeps a device safe besides the sweep itself: guardian, locks, requests to end."""
