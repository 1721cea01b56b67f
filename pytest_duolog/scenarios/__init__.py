"""Scenarios: two speakers, their models and instructions, and when the dialogue stops."""
