"""Files on disk: JSON in one spelling, and files that grow by whole lines."""
