"""Endpoints of models: messages in, reply out; one module for each protocol."""
