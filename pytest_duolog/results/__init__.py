"""The run record: the result of every sample, in a file that grows by whole lines and can be merged with others."""
