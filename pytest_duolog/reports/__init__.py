"""What people and programs read about a finished run."""
