"""The configuration as one document: read, compared, applied, and rolled back.

Rule: what is decided (`document`, `plan`, `conflicts`) is pure; what writes is one `Change`.
"""
