"""What passes between a driver and its instrument, as data: the driver must send it, the twin must answer it."""
