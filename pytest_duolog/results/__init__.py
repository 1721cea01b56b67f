"""The run record: what every sample came to, in a file that grows by lines and merges by addition."""
