"""What must hold for a dialogue; one module a family. `base` says how to write your own."""
