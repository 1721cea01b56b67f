"""Reports about finished runs and dialogues, for people and for programs."""
