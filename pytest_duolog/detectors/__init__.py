"""Detectors, which read a dialogue message by message and keep what they need."""
