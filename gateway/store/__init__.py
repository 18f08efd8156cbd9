"""The only SQL: entities in a database, behind `gateway.ports.Store`.

Rule: everything above talks to the port; only the composition root and the
commands that work on the file itself import an engine's module.
"""
