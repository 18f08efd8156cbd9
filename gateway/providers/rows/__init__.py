"""The rows of the table of providers, a file per family.

Rule: a row is data; its sources are named beside it, with the date at which they were read.
"""
