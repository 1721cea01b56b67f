"""Files on disk: JSON in one spelling."""
