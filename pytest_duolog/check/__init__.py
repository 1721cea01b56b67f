"""Finished transcripts, whoever made them: read from files, examined, and reported on."""
