"""The embedded model: its weights, and the server that runs it in a child process."""
