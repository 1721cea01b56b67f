"""Pure formulas of counts, in the standard library alone; each names its source."""
