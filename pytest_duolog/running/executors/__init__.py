"""Runs dialogues in workers of a cluster: what goes to a worker is a dialogue, and what comes back is its recording.

`job` has the values that travel, `worker` is what a worker does, `driver` what the run does with its workers, and
`ray_engine` and `dask_engine` know one engine each. To add an engine, write a class with the methods of
`engine.Engine`, and a row in `settings/executor.py` and in `engine.engine_at`.
"""
