"""Files on disk: canonical JSON, and files that grow by whole lines."""
