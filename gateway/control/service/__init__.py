"""Every admin write, one module per entity.

Rule: the functions here take a `Change` and a checked body; they know nothing of HTTP,
so that another edge can call them as they are.
"""
