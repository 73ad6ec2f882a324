"""What every room may use: no domain in it."""
