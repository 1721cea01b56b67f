"""What two speakers are asked to do, and when to stop."""
