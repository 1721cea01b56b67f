"""A bakery whose counter is staffed by a language model."""
