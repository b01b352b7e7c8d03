"""What the shell command and the notebook magics have in common: arguments, tables, and a state in words.

Standard library only, so that ``dask-steward list`` and ``%load_ext dask_steward`` start at once.
"""
