"""What people and programs read about a finished run."""

# Names the file of a step's summary on GitHub, to which every program of the step may add.
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
