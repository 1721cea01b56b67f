"""What only pytest knows: tests, fixtures, workers, reports, options. Nothing below imports pytest or syrupy."""
